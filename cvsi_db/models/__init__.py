"""Models: the protocols, the implementations behind them, and the bundles that name a set of them."""

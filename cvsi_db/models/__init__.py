"""Models: the seams (protocols), the real implementations behind them, and the bundles that name a set of them."""

"""From a logical query to the plan that answers it: nodes, rules, the choice of a strategy."""

"""Zero-cost proxies: scores of untrained networks, the votes they cast on pairs, and how alike they find two tasks."""

"""Zero-cost proxies: scores of untrained networks, their votes on pairs of cells, and how similar they find tasks."""

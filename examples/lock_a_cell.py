"""Find a cell of the embedded benchmark that reads digits well and solves jigsaws badly."""

from __future__ import annotations

import naslib_archlock as al

result = al.search(search_space="digits", dataset="digit", scheme="tk", target="jigsaw")
print(result.arch)
print({name: round(figure, 1) for name, figure in result.accuracies.items() if figure is not None})

network = result.module(n_outputs=10, in_channels=1, widths=(8, 16))  # a torch module, ready to train
print(sum(weight.numel() for weight in network.parameters()), "weights")

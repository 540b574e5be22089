"""Task embeddings: vectors in which similar tasks are close, which tell the ranker what a task is like.

``task2vec``, the paper's choice, makes them from images and a probe network (``probes``), ``proxies`` from zero-cost
scores, and ``file`` reads them from ``.npy`` files; ``simulate`` makes up targets around a source.
"""

"""Networks: torch modules that turn images into codes and back, as an ``Architecture`` describes them.

- architecture, presets: the description, and the named ones
- activations, layers: the parts; fast: how convolutions are computed on a CPU
- encoder, bottleneck, decoder: the three places
- ladder: finer levels of a variational code
- autoencoder: all of them as one module
- summary: a network as a table
- inside: what any layer of it gives
"""

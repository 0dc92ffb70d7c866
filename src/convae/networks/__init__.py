"""Networks: torch modules that turn images into codes and back, as an ``Architecture`` describes them.

- architecture, presets: the description, and the named ones
- activations, layers: the parts; cpu_convolutions: how convolutions are computed on a CPU
- encoder, bottleneck, decoder: the three places
- ladder: the finer levels of a hierarchical latent code
- autoencoder: all of them as one module
- summary: a network as a table
- layer_outputs: the output of any layer
- inference: a network over many images, in batches of one fixed size
- tiling: a network over images of any size, equal to its output for the whole image
"""

"""Networks: torch modules that encode images into codes and decode codes into images.

An ``Architecture`` describes each network.

- architecture, presets: the description, and the named ones; stages: strides, kernel sizes and map sizes
- activations, layers: the parts; cpu_convolutions: how convolutions are computed on a CPU
- encoder, bottleneck, decoder: the three stages of an autoencoder
- codebook: the entries of a vector-quantised code
- ladder: the finer hierarchy levels of a latent code
- autoencoder: all of them as one module
- custom: an encoder and a decoder of a user in their place
- summary: a network as a table
- layer_outputs: the output of any layer
- inference: apply a network to many images, in batches of one fixed size
- tiling: apply a network to images of any size by tiles; the result equals that for the whole image
"""

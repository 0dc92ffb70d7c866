"""Autoencoders: images to codes and back.

- autoencoder: the plain one
- variational: can also sample new images; likelihood_bounds, code_densities: how likely images are, and what
  codes are sampled from
- sparse: large codes with few active units
- stacked: layers trained one by one, each on the codes of the one below, then together
- neighbour_layout: where codes should lie so that they keep neighbours together
"""

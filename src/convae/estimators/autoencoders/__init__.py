"""Autoencoders: encode images to codes and decode codes to images.

- autoencoder: the plain autoencoder
- variational: the variational autoencoder, which can also sample new images; likelihood_bounds: bounds on the
  log-likelihood of images; code_densities: densities from which codes are sampled
- sparse: the sparse autoencoder: large codes with few active units
- stacked: the stacked autoencoder: layers trained one by one, each on the codes of the layer below, and then
  together
- quantised_codes: codes that are entries of a codebook
- neighbour_layout: target positions for codes that keep neighbouring images together
"""

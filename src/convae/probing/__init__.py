"""Is the autoencoder worth it? What can be read from its codes, beside what costs less.

- representations: the same images as codes, as PCA's, as those of a random encoder, as pixels
- readouts: classes, numbers and clusters from them, with intervals
- probe: all of that on held-out images
- verdict: what it means, in one sentence
"""

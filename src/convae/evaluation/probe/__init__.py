"""What can be read from codes, next to PCA, a random encoder and the pixels.

- probe: the measurement
- representations, readouts: what is compared, and how it is read
- verdict: the result in words
"""

"""What can be predicted from codes, next to PCA, a random encoder and the pixels.

- probe: the measurement
- representations, readouts: what is compared, and how it is predicted
- verdict: the result in words
"""

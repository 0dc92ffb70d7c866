"""Estimators: what a user holds, by scikit-learn's contract.

- autoencoders, restoration, anomaly: the estimators, a folder for each family
- base, fit_config, pixel_rows: what all share: any source or rows in, checked parameters, files
- labels: the y of a fit: labels, or images
- with_defaults: an estimator that differs from another in its defaults
- fit, partial_fit: from images to a trained model, and one pass more
- pca_baseline: PCA with as many numbers per image
- streaming: a model over a source of any length
- registry: the estimators by name
"""

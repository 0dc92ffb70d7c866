"""Estimators: the objects that a user works with, which follow scikit-learn's contract.

- autoencoders, restoration, anomaly: the estimators, a folder for each family
- base, fit_config, pixel_rows: shared by all: any source or rows as input, checked parameters, files
- labels: the y of a fit: labels, or images
- with_defaults: an estimator that differs from another in its defaults
- fit, partial_fit: from images to a trained model, and one more pass
- budget_plan: a fit within a given time
- pca_baseline: PCA with the latent dimension of the model; latent_dim: the latent dimension that PCA suggests
- streaming: a model applied to a source of any length
- views: what an estimator shows of itself: tables, charts, pictures, pages
- registry: the estimators by name
"""

"""Estimators: what a user holds, by scikit-learn's contract; one job or variant a file, over one base.

- autoencoder: images to codes and back
- restoring, denoiser: images without their noise, from any way to learn it
- inpainter: images with their holes filled
- base, tables, parameters: what all share: any source or rows in, checked parameters, files
- fitting, continuing: from images to a trained model, and one pass more
- baseline: PCA with as many numbers per image
- streaming: a model over a source of any length
- registry: the estimators by name
"""

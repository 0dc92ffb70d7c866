"""Models measured on images they were not trained on, next to simple baselines.

- reconstruction, denoising, inpainting, anomaly, labelled_anomaly: one file a job
- probe: what can be read from codes
- experiments: models fitted to answer one question
"""

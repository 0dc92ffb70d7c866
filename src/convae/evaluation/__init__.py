"""Evaluate models on images they were not trained on, and compare them with simple baselines.

- reconstruction, denoising, inpainting, anomaly, labelled_anomaly: one file for each task
- results: what an evaluation found, as tables, sentences and values
- probe: what can be predicted from codes
- comparison: several models next to each other; tuning: a search of settings
- experiments: models fitted to answer one question
"""

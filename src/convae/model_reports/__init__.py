"""Reports of models: what a report of each kind of model holds.

- autoencoder, denoiser, inpainter, anomaly, labelled_anomaly, detections, probe, units: whole reports
- example_images, code_map, network_facts: their parts
"""

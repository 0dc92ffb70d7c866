"""Reports of models: the contents of the report of each kind of model.

- autoencoder, denoiser, inpainter, anomaly, labelled_anomaly, detections, probe, units: whole reports
- example_images, code_map, network_facts: their parts
"""

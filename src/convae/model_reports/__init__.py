"""Reports of models: how each kind of model is evaluated, and what its report holds.

- jobs, job: the job of each kind of model, and its parts
- autoencoder, denoiser, inpainter, anomaly, labelled_anomaly, detections, probe, units, tuning, comparison:
  whole reports
- example_images, code_map, network_facts, model_facts: their parts
- views: charts, pictures, measurements and pages, as methods of estimators give them
"""

"""The work of each verb; a verb of a few lines does it itself.

- demo, check, info: start
- fit and fit_autoencoder, fit_denoiser, fit_inpainter, fit_anomaly: train, and report the results
- denoise, inpaint, detect, detect_files, detect_self, calibrate, reconstruct, encode, decode, sample, search,
  search_picture: use
- evaluate, evaluate_detector, metric_tables, probe, map, units, levels, experiment_stacking,
  experiment_robustness: understand
"""

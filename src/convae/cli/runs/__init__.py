"""The work of each verb; a verb of a few lines does it itself.

- demo, check, info: start
- fit, tune: train, measure and report
- denoise, inpaint, detect, detect_files, detect_self, calibrate, reconstruct, encode, decode, sample, search,
  search_picture, serve, watch, export: use
- evaluate, compare, defect_labels, probe, map, units, levels, experiment_stacking,
  experiment_robustness, experiment_convolution, experiment_code_size: understand
- skipping: images that cannot be used
"""

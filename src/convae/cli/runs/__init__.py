"""The work of each verb; a verb of a few lines does it itself.

- demo, check, info: start
- fit, tune: train, measure and report
- denoise, inpaint, detect, detect_files, detect_self, calibrate, reconstruct, encode, decode, sample, search,
  search_picture: use
- evaluate, compare, defect_labels, evaluation_lines, probe, map, units, levels, experiment_stacking,
  experiment_robustness: understand
- skipping: images that cannot be used
"""

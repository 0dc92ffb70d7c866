"""The arguments and options of each verb.

- demo, check, info: start
- fit and fit_autoencoder, fit_variational, fit_sparse, fit_stacked, fit_denoiser, fit_inpainter, fit_anomaly,
  tune: train
- denoise, inpaint, detect, calibrate, reconstruct, encode, decode, sample, search, interpolate,
  serve, watch, export: use
- evaluate, compare, probe, map, units, traverse, levels: understand
- experiment and experiment_stacking, experiment_robustness, experiment_convolution, experiment_code_size:
  experiments
"""

"""The command line: one verb a file, loaded when it is used; each parses, calls an estimator, prints.

- running, verbs: from arguments to an exit code, and every error to one sentence; the table of verbs
- check, fit, denoise, inpaint, detect, calibrate, reconstruct, encode, decode, sample, interpolate, traverse,
  units, levels, search, map, evaluate, probe, ablate, robustness, info, demo: the verbs
- evaluated_detector: labels and masks of a test set, and what is printed of them
- checking, evaluating, denoising, inpainting, detecting, calibrating, reconstructing, encoding, decoding,
  sampling, units_told, levels_told, searching, mapping, probing, ablating, robustness_told, describing,
  measured, demonstrating: what they do and say
- found_files, ranking_itself: parts of detecting; code_index, found_pictures, labels: of searching and
  probing
- fit_autoencoder, fit_variational, fit_sparse, fit_stacked, fit_denoiser, fit_inpainter, fit_anomaly,
  fitted_autoencoder, fitted_denoiser, fitted_inpainter, fitted_anomaly: the members of ``fit``, and what
  each is measured by
- fitting, training: what they share; experiments: what ablate and robustness do
- models: the model of a verb
- options, settings, settings_autoencoder, settings_variational, settings_sparse, settings_stacked,
  settings_restoring, settings_denoiser, settings_inpainter, settings_anomaly, settings_experiments: the
  options that verbs share, and the parameters of estimators
- voice, progress: what is said where; garbage: how often it is collected
- option_words: messages about arguments in the words of options
- made_folders: folders that a failed verb removes again
- data, image_tables, outputs, image_files, code_files, code_reading, array_files: images in, files out
"""

from convae.cli.running import main, run

__all__ = ["main", "run"]

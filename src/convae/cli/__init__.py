"""The command line: parse arguments, call the library, report results.

- main: from arguments to an exit code; gc_tuning: garbage collection while models load
- verb_table: the table of all verbs
- verbs: options and arguments, one file a verb; runs: the work, in a file of the same name
- io: reading and writing of images, models, codes and tables; terminal: lines and progress on a terminal
- options, option_words: options that several verbs share; error messages that name options
- fit_options, experiment_options: options of training
- settings and settings_autoencoder, settings_variational, settings_sparse, settings_stacked,
  settings_denoiser,
  settings_inpainter, settings_restoring, settings_anomaly, settings_experiments: the parameters as options
"""

from convae.cli.main import main, run

__all__ = ["main", "run"]

"""The command line: from words on a terminal to calls of the library, and results back.

- main: arguments to an exit code; gc_tuning: garbage collection while models load
- verb_table: which verbs there are
- verbs: what is typed, one verb a file; runs: what is done, a file of the same name
- io: images, models, codes and tables read and written; terminal: lines and progress on a terminal
- options, option_words: options that several verbs share, and errors in the words of options
- fit_options, experiment_options: options of trainings
- settings and settings_autoencoder, settings_variational, settings_sparse, settings_stacked,
  settings_denoiser,
  settings_inpainter, settings_restoring, settings_anomaly, settings_experiments: the parameters as options
"""

from convae.cli.main import main, run

__all__ = ["main", "run"]

"""The command line: parse arguments, call the library, print and write the results.

- main: run the arguments, return an exit code; gc_tuning: rare garbage collection while modules load
- verb_table: the list of verbs
- verbs: arguments and options, one verb a file; runs: the work of each verb, in a file of the same name
- io: read and write images, models, codes and tables; terminal: lines and progress on a terminal
- options, option_words: options that several verbs share; errors that name options, not arguments
- fit_options, tune_options, experiment_options: options of fits, searches and experiments
- settings: the values of parameters, from flags, TOML files and --set
"""

from convae.cli.main import main, run

__all__ = ["main", "run"]

"""The command line: one verb a file, loaded when it is used; each parses, calls an estimator, prints.

- running: from arguments to an exit code, and every error to one sentence
- verbs: the table of verbs
- options, settings: the options that verbs share, and the parameters of estimators
- voice, progress: what is said where
- data, outputs, code_files: images in, files out
"""

from convae.cli.running import main, run

__all__ = ["main", "run"]

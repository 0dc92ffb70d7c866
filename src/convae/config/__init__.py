"""User settings, as plain values that are checked before anything runs.

- parameters: the one table of all parameters; setting: how such a table is written
- choices: names that a parameter can have, where others ask for them, too
- experiments: the parameters of experiments
- training: the settings of one training run, with every value decided
- bottlenecks, augmentation: how a code is constrained, and training images are changed, as text and as values
- config_file: settings as a TOML file
- search_space: what a search of settings may vary; durations: ``10min`` as seconds
- compatibility: which options go together, and why others do not
"""

"""User settings, as plain values that are checked before anything runs.

- parameters: the one table of all parameters; setting: how such a table is written
- choices: names that a parameter can have, where others ask for them, too
- experiments: the parameters of experiments
- training: the settings of one training run, with every value decided
- config_file: settings as a TOML file
- search_space: what a search of settings may vary; durations: ``10min`` as seconds
- bottlenecks: how a code is constrained, as text and as values
- compatibility: which options go together, and why others do not
"""

"""User settings, as plain values that are checked before anything runs.

- parameters: the one table of all parameters; setting: how such a table is written
- choices: names that a parameter can have, where others ask for them, too
- experiments: the parameters of experiments
- training: the settings of one training run, with every value decided; budget: a time as text
- bottlenecks, augmentation: how a code is constrained, and training images are changed, as text and as values
- compatibility: which options go together, and why others do not
"""

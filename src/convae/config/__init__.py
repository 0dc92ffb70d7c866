"""User settings, as plain values that are checked before anything runs.

- training: how a network is trained
- bottlenecks: how a code is constrained, as text and as values
- compatibility: which options go together, and why others do not
"""

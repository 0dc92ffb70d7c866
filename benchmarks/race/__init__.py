"""Who measures contenders against each other.

- figures: medians, quartiles, ratios of pairs, exponents; the operations of a network
- workers: contenders as living processes that take turns
- rounds: alternating portions, ours beside each peer
- field: who races, and in which environment
- peers: the virtual environment of those who are not ours
- told: tables and the JSON file
- training, start, ...: one part of ``benchmarks/speed.py`` a file
"""

"""Models fitted to answer one question, on images that nothing was chosen by.

- ablation: does stacking help, at equal cost?
- robustness, corrupted_readouts: which codes can be read from corrupted images?
- data_parts, schedules: how images are split and how long trainings last
- verdicts: the results in words
"""

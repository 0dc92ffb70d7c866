"""Models fitted to answer one question, on images by which nothing was chosen.

- ablation: does stacking help, at equal cost?
- robustness, corrupted_readouts: which codes can still be used when images are corrupted?
- data_parts, schedules: how images are split, and how long trainings last
- verdicts: the results in words
"""

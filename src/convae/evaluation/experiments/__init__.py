"""Models fitted to answer one question, on images by which nothing was chosen.

- ablation: does stacking help, at equal cost?
- convolution: do convolutions help, and from how many images on?
- code_size: how many numbers do these images need?
- robustness, corrupted_readouts: which codes can still be used when images are corrupted?
- data_parts, schedules, equal_steps: how images are split, and how long trainings last
- verdicts, size_verdicts, size_tables: the results in words, tables and charts
"""

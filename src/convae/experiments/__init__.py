"""Experiments: models fitted to answer one question, on images that nothing was chosen by.

- parts: training and test images with nothing in common
- schedules: epochs of different kinds that cost as much
- ablation: does stacking help? Levels alone, levels and then together, together from scratch
- robustness: plain, denoising, sparse and variational codes, fitted and compared on corrupted images
- reading: what is read from the codes of clean and of corrupted images
- verdicts: what they found, in plain sentences
"""

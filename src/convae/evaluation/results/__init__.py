"""Results of evaluations: numbers, tables and sentences for people, values for programs.

- protocol: what the results of every task offer; shown: what they show of themselves
- scores: scores of a model and of others on the same images, and their table
- reconstruction, denoising, inpainting, anomaly, labelled_anomaly: the results of each task
- figures: what is measured of each image; comparison, tuning: several models, the trials of a search
- guarantee: what the threshold of a detector guarantees
"""

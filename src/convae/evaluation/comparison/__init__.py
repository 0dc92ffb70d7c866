"""Models measured next to each other, on the same images and in the same units.

- image_figures: the figure of a job for each single image, in units that models share
- unseen: which images of a source none of the models was trained on
- compare: several models, and what differs between them
"""

"""Images: from files and arrays to tensors and back.

- files: one image file, read and written
- sources: where images come from, in a fixed order
- dataset: images of one shape, depth and range, prepared for training
- check: what is wrong with images
- result_files: results of a model, written as their originals were
- free_memory: how much memory is free
"""

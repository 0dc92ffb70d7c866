"""Corruptions of images that a network learns to undo: pure functions on tensors.

Images are (B, C, H, W) in about [0, 1]. All random numbers come from a generator on the CPU, so that the same
generator gives the same corruption on every device.

- noise: noise of one or several kinds, described by text
- noise_kinds, noise_levels: the kinds of noise, the meaning of their levels, and levels from text
- defects, defect_shapes: synthetic defects made of the batch's own images, and their shapes
- attributes: images rotated, converted to grey, partly erased
- holes: masks of missing pixels of many shapes
"""

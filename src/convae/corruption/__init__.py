"""What is done to images so that a network learns to undo it: pure functions on tensors.

Images are (B, C, H, W) in about [0, 1]. All randomness comes from a generator on the CPU, so that the same
generator gives the same corruption on every device.

- noise: noise of one or several kinds, written as text
- noise_kinds, levels: the kinds there are and what their levels mean; levels from text
- defects, shapes: synthetic defects made of the batch's own images, and the shapes they have
- attributes: turned, greyed, partly erased
- holes: masks of missing pixels of many shapes
"""

"""Images: from files and arrays to tensors and back.

- reading, writing: one image, at its full depth
- sources, datasets: whatever holds images, in a fixed order
- preparing, framing, scaling, tensors: images of one shape, depth and range
- image_set: the images that training sees, resident, cached or streamed
- doctor: what is wrong with them
"""

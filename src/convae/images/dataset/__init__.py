"""Images prepared for training: one shape, one depth, one range.

- survey, preparation, framing, scaling, unit_range: shape, depth and range
- reach: values too far from the others for float32 arithmetic
- image_set, storage: the training images, in memory, in a cache or streamed
- prefetch, threads, worker_processes: many images in order, read here, in threads or in processes
- pairs: images and their targets, as one source
"""

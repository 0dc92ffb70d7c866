"""Images: from files and arrays to tensors and back.

- image, facts, reading, writing: one image, at its full depth
- kinds, pillow, png16, deep, gif, netpbm, tiff, tiff_layout, colour,
  quiet: the kinds of files and their decoders
- tiff_segments, tiff_completeness: whether a TIFF holds what it promises
- png_chunks, exif: what files say of colour, orientation and camera; netpbm_writing: PBM, PGM, PPM and PFM
- picture_counts: which files may hold several pictures
- besides, tiff_tags, tiff_writing: resolution and axes, what a file says besides its pixels
- kept_facts: what each kind of file can hold of it
- sources, image_source: whatever holds images, in a fixed order
- file_sources, listing, array_sources, array_image, array_files, idx, datasets, download: the sources
- surveying, preparing, framing, scaling, tensors: images of one shape, depth and range; reach: values too far
  from the others to compute with
- matching: which names belong together; pairs: images and what they should look like, as one source
- masks: which pixels of images are missing; naming: names of the files that are written for images
- defect_labels, defect_masks: which images of a test set are normal, and which pixels of the others are not
- fetching, parallel, workers: many images in order, read here, in threads or in processes
- image_set, stores, memory: the images that training sees, resident, cached or streamed
- doctor, look, findings, duplicates, advice: what is wrong with them
"""

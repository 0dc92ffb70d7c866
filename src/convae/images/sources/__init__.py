"""Sources of images: folders, globs, lists, arrays, data sets; each in a fixed order.

- open_source: opens any kind of input as a source; base: the interface of a source
- file_sources, folder_listing, array_sources, array_image, npy, idx, named_sets, download: the sources
- data_frames, item_sources: what other packages hold: tables of paths, data sets, generators
- masks: missing pixels of images
- matching, naming: matching by name, and names for output files
- defect_labels, defect_masks: which images of a test set are normal, and the defective pixels of the others
"""

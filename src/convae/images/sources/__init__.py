"""Where images come from: folders, globs, lists, arrays, data sets; each in a fixed order.

- open_source: anything a user gives, as a source; base: what a source is
- file_sources, folder_listing, array_sources, array_image, npy, idx, named_sets, download: the sources
- masks: which pixels of images are missing
- matching, naming: names that belong together, and names for files that are written
- defect_labels, defect_masks: which images of a test set are normal, and which pixels of the others are not
"""

"""One image file: read it, and write results to the same kind of file.

- image, facts: one image at its full depth, and the properties that its file states
- reading, writing: read any file, write the same kind
- file_kinds, pillow, png16, high_bit_depth, gif, netpbm, netpbm_writing, tiff, tiff_layout, tiff_tags,
  tiff_writing: the kinds of files and their decoders
- tiff_segments, tiff_completeness: whether a TIFF holds all the data that it promises
- picture_counts: which files may hold several pictures
- png_chunks, exif, colour, axes: colour, orientation, camera and axes as files state them
- metadata, kept_facts: metadata of a file, and which of it each kind of file can hold
- npy_rows: rows of results in a .npy file
- decoder_warnings: warnings of decoders, collected
"""

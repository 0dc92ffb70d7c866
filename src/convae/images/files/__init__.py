"""One image file: what is in it, and the same kind of file written back.

- image, facts: one image at its full depth, and what its file says of its pixels
- reading, writing: any file in, the same kind out
- file_kinds, pillow, png16, high_bit_depth, gif, netpbm, netpbm_writing, tiff, tiff_layout, tiff_tags,
  tiff_writing: the kinds of files and their decoders
- tiff_segments, tiff_completeness: whether a TIFF holds what it promises
- picture_counts: which files may hold several pictures
- png_chunks, exif, colour, axes: colour, orientation, camera and axes as files state them
- metadata, kept_facts: what a file holds in addition to pixels, and what each kind of file can keep of it
- npy_rows: rows of results in a .npy file
- decoder_warnings: warnings of decoders, collected
"""

"""A search of settings: which ones fit best to some images, measured on images that were held out.

- tune: the search from top to bottom
- plan: what is varied, and on which images
- trial: one fit, watched and perhaps stopped
- study: the trials so far, in memory or in a file
- search_folder: the files of a search
"""

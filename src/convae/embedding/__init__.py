"""Points in fewer dimensions, and their neighbours.

- pca: principal component analysis over batches
- code_dimension: how many numbers images need
- nearest_neighbours: exact nearest neighbours in blocks, and how well codes preserve neighbourhoods
- umap_layout: a layout of points in few dimensions by UMAP's objective
"""

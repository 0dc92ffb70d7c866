"""Points in fewer dimensions, and their neighbours.

- pca: principal component analysis over batches
- nearest_neighbours: exact nearest neighbours in blocks, and how well codes keep neighbourhoods
- umap_layout: points laid out in few dimensions by UMAP's objective
"""

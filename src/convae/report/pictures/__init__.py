"""Pixels as pictures that a browser can show.

- pictures: any pixels as 8-bit RGB, error maps, PNG files
- comparison: originals over reconstructions over error maps
- heatmaps: maps of scores as colours, over pictures, with boxes
- image_map: small images placed by their codes
- differences: a difference and its interval, in words
"""

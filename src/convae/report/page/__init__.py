"""HTML pages in one file.

- contents: what a report holds; html: the page; folder: its folder; heading: its title
- dot_map, unit_page: pages of a map and of the units of a code
"""

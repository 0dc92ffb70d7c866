"""HTML pages in one file.

- contents: the parts of a report; html: the page; folder: its folder; heading: its title
- dot_map, unit_page: pages of a map and of the units of a code
"""

"""HTML pages in one file.

- contents: the parts of a report; html: the page; folder: its folder; heading: its title
- card: a small piece of HTML for a notebook
- dot_map, unit_page: pages of a map and of the units of a code
"""

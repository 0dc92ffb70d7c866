"""HTML pages in one file.

- contents: the parts of a report; html: the page; folder: its folder; heading: its title
- card: a small piece of HTML for a notebook
- dot_map, unit_page, experiment_page: pages of a map, of the units of a code and of an experiment
"""

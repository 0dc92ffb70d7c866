"""The check-up: find problems in a set of images before training.

- check_up: the whole check; image_facts: the facts of one image
- findings, duplicates: the results
- advice: recommendations on the results
"""

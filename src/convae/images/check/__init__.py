"""The check-up: what is wrong with images before anything is trained.

- check_up: all of it; image_facts: one look at each image
- findings, duplicates: what was found
- advice: what to do about it
"""

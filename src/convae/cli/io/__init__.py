"""Read the inputs and write the outputs of verbs.

- data, models: open the images and models that arguments name
- image_files, image_tables: write results as image files; read tables of groups and labels
- code_writing, code_reading, code_index: files of codes, and an index to search them
- labels: labels of images
- output_files, made_folders: check and write output files; remove folders of failed commands
- experiment_files: the table, the chart and the page of an experiment
"""

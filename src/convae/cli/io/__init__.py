"""Reading and writing for the verbs.

- data, models: images and models from arguments
- image_files, image_tables: results as image files; tables with a value for each image
- code_writing, code_reading, code_index: codes as files, and an index to search in
- labels: class labels of images
- output_files, made_folders: where results go; folders that a command has created
"""

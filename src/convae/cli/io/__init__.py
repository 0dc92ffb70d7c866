"""What verbs read and write.

- data, models: images and models from arguments
- image_files, image_tables: results as image files; figures of images as a table
- code_writing, code_reading, code_index: codes as files, and an index to search in
- labels: labels of images
- output_files, made_folders: where results go, and folders that a command has made
"""

"""Files and folders that appear whole or not at all, and tables in them.

- atomic: files and folders written under a temporary name and renamed into place
- folders: folders that are made, and removed again if nothing came into them
- run_files: the inputs and outputs of a command, so that it never overwrites what it reads
- journal: files of JSON lines that survive the end of their process at any moment
- result_folders: folders of results, recognised by a marker and replaced as a whole
- tables: CSV files in which every name comes back as it was
"""

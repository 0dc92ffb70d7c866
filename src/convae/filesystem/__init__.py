"""Files and folders that appear whole or not at all, and tables in them.

- atomic: files and folders written beside their place and renamed into it
- run_files: what a command reads, so that it never writes over it
- result_folders: folders of results, known by a marker and replaced as a whole
- tables: CSV files in which every name comes back as it was
"""

"""A terminal: lines of text, warnings and progress.

- output: lines and warnings
- progress: the line that shows the progress of training
"""

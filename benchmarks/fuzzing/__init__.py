"""Fuzzing of every reader: seeds, mutations, a child process that reads, a parent that watches it."""

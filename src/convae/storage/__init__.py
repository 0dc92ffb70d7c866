"""Models and checkpoints on disk, in checked files that execute nothing.

- model_file: one file a model
- sealed_safetensors: tensors with a JSON description and a checksum in one file
"""

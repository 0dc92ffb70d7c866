"""Tasks: the input of the network for an image, and the target of its output.

- task: the interface, and reconstruction
- denoising, inpainting, repairing_defects, restoring_attributes: the tasks of these jobs
- keep_neighbours: codes near given places, in addition to the reconstruction
- stacked_layers: one layer of a stacked network at a time
- code_cost: the penalty of a bottleneck, added to any task
- corrupted, translated, flips_and_turns: noise, translations, flips and quarter turns of the inputs
- augmented: random changes of the training images, before any task sees them
- binarised: black and white pixels sampled from grey ones
"""

"""Tasks: what the network is shown for an image, and what it should answer.

- task: the interface, and reconstruction itself
- denoising, inpainting, mending_defects, restoring_attributes: what those jobs learn
- keep_neighbours: codes near given places, in addition to the reconstruction
- stacked_levels: one level of a network at a time
- code_cost: the penalty of a bottleneck, added to any task
- corrupted, shifted, flips_and_turns: noise, translations, flips and quarter turns on the way in
- binarised: black and white pixels sampled from grey ones
"""

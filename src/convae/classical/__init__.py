"""Methods without training: baselines for trained networks, and measures of a single image.

- denoising: median filter, non-local means
- noise_level: how noisy an image is, and whether what was removed from it was noise
- noise_presence: whether images are noisy, or only have texture
- solid_patches: damage of one colour, found without a mask
- filling: holes filled from what surrounds them
- opencv: the fills of OpenCV, where it is installed
"""

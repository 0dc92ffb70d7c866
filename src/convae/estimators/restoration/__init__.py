"""Restoration: remove noise from images, and fill holes in them.

- base, restored_images: what the estimators share
- denoiser: removes noise; noise_decision, noise_units: whether images look clean or noisy, and units of noise
- inpainter: fills holes; unmasked_damage: damage that no mask shows
"""

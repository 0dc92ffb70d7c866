"""Restoration: images without noise, images with their holes filled.

- base, restored_images: what both share
- denoiser: removes noise; noise_decision, noise_units: whether images look clean or noisy, and units of noise
- inpainter: fills holes; unmasked_damage: what is damaged although no mask says so
"""

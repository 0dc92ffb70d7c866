"""Training: one loop for all models.

- settings: how a network is trained
- order, schedule: pure functions of seed, epoch and step
- optimizers: Muon, AdamW, Adam
- task: what is to be learnt from an image; denoising, inpainting, mending, restoring_attributes: the ways to
  learn those jobs
- neighbourhood: codes near given places, beside the reconstruction
- shifting, corrupting: images moved, and noise put on them, on the way in
- binarising: pixels of black and white drawn from grey ones
- constraining: what a bottleneck adds to any of them
- stacking: one level of a network at a time
- turning: flips and quarter turns
- trainer: one step, one validation
- loop: the epochs, roll-back, early stopping
- resident, unseen: images and losses that stay on an accelerator
- counting: what an epoch costs
- state, checkpoint: the whole state, in memory and on disk
- devices, memory, interrupt, observers: where it runs, who stops it, who watches
"""

"""Training: one loop for all models.

- loop: one step; the epochs around it, roll-back, early stopping
- job: what a run needs; state: what it changes; validation: how it does
- splits_and_batches, schedule: pure functions of seed, epoch and step
- optimizers: Muon, AdamW, Adam
- device_batches, deferred_losses: images and losses that stay on an accelerator
- flop_count: what an epoch costs
- checkpoint: the whole state on disk
- devices, malloc, interrupt, observers: where it runs, how it keeps its memory, who stops it, who watches
- tasks: what the network is shown and what it should answer
"""

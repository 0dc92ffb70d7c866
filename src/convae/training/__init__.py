"""Training: one loop for all models.

- loop: the epochs, roll-back, early stopping
- trainer: one step, one validation; state: what a checkpoint has to hold
- splits_and_batches, schedule: pure functions of seed, epoch and step
- optimizers: Muon, AdamW, Adam
- device_batches, deferred_losses: images and losses that stay on an accelerator
- flop_count: what an epoch costs
- checkpoint: the whole state on disk
- devices, malloc, interrupt, observers: where it runs, how it keeps its memory, who stops it, who watches
- tasks: what the network is shown and what it should answer
"""

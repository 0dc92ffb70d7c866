"""Training: one loop for all models.

- loop: one step; the epochs around it, roll-back, early stopping
- job: the inputs of a run, which it does not change; state: what a run changes; validation: the validation
  loss
- splits_and_batches, schedule: pure functions of seed, epoch and step
- optimizers: Muon, AdamW, Adam
- device_batches, deferred_losses: images and losses that stay on an accelerator
- flop_count: the cost of an epoch; time_budget: how many steps some time is enough for
- checkpoint: the complete state on disk
- devices, malloc, interrupt: the device, memory reuse, signals that stop a run
- observers, progress, display, surroundings: reports of a run, their text, how they are shown, and where
- trackers: records of trainings for TensorBoard, MLflow and Weights & Biases
- tasks: the input of the network and the target of its output
"""

"""The job of each kind of model; its module is imported when it is needed."""

import importlib

from convae.estimators.base import ImageEstimator
from convae.model_reports.job import Job

# The kind of a model, as model files name it, and the module here that holds its JOB.
JOBS = {
    "AnomalyDetector": "anomaly",
    "ConvAutoencoder": "autoencoder",
    "Denoiser": "denoiser",
    "Inpainter": "inpainter",
    "SparseAutoencoder": "autoencoder",
    "StackedAutoencoder": "autoencoder",
    "VariationalAutoencoder": "autoencoder",
}


def job_of(model: ImageEstimator) -> Job:
    """Return how a model of this kind is evaluated."""
    kind = next(one.__name__ for one in type(model).__mro__ if one.__name__ in JOBS)
    module = importlib.import_module(f"convae.model_reports.{JOBS[kind]}")
    job: Job = module.JOB
    return job

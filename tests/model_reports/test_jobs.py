"""Every kind of model has a job."""

from convae.estimators.registry import ESTIMATORS, estimator_class
from convae.model_reports.jobs import JOBS, job_of


def test_every_kind_of_model_can_be_evaluated() -> None:
    assert set(JOBS) == set(ESTIMATORS)
    titles = {kind: job_of(estimator_class(kind)()).title for kind in ESTIMATORS}
    assert titles["SparseAutoencoder"] == titles["ConvAutoencoder"] == "A convolutional autoencoder"
    assert titles["AnomalyDetector"] == "An anomaly detector"
    assert job_of(estimator_class("Denoiser")()).takes == {"target"}

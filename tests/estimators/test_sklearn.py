"""scikit-learn's own checks on the estimator, and its tools around it."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from tests.estimators.conftest import PRESETS, blobs

from convae import (
    AnomalyDetector,
    ConvAutoencoder,
    Denoiser,
    Inpainter,
    SparseAutoencoder,
    StackedAutoencoder,
    VariationalAutoencoder,
)

# Checks that may fail, each with its reason. There are none.
EXPECTED_FAILURES: dict[str, str] = {}


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [
        *(ConvAutoencoder.from_options(parameters) for parameters in PRESETS.values()),
        VariationalAutoencoder(
            latent_dim=2,
            epochs=1,
            architecture={"widths": (4,), "blocks": 1},
            training={"batch_size": 16},
        ),
        SparseAutoencoder(
            latent_dim=8,
            epochs=1,
            architecture={"widths": (4,), "blocks": 1},
            training={"batch_size": 16},
        ),
        StackedAutoencoder(
            latent_dim=2,
            epochs=1,
            architecture={"widths": (4,), "blocks": 1},
            training={"batch_size": 16},
        ),
        Denoiser(latent_dim=4, epochs=1, architecture={"widths": (8,), "blocks": 1}),
        Inpainter(latent_dim=4, epochs=1, architecture={"widths": (8,)}),
        AnomalyDetector(
            latent_dim=4,
            epochs=1,
            false_alarm_rate=0.25,
            architecture={"widths": (8,), "blocks": 1},
        ),
    ],
    expected_failed_checks=lambda _: EXPECTED_FAILURES,
)
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_a_pipeline_encodes_and_decodes_rows(small) -> None:
    rows = blobs(40, 8, 8).reshape(40, 64).astype(np.float32)
    pipeline = make_pipeline(StandardScaler(), small(epochs=2)).fit(rows)
    codes = pipeline.transform(rows)
    assert codes.shape == (40, 2)
    assert pipeline.inverse_transform(codes).shape == rows.shape


def test_images_are_denoised_before_they_are_encoded(small) -> None:
    denoiser = Denoiser(
        latent_dim=4, epochs=1, sigma=0.1, architecture={"widths": (8,), "blocks": 1}
    )
    images = blobs(20, 8, 8)
    assert make_pipeline(denoiser, small()).fit_transform(images).shape == (20, 2)
    rows = images.reshape(20, 64)
    assert make_pipeline(denoiser, small()).fit_transform(rows).shape == (20, 2)


def test_codes_feed_a_classifier(small) -> None:
    dark, bright = blobs(20, 8, 8) // 4, 255 - blobs(20, 8, 8) // 4
    rows, labels = np.concatenate([dark, bright]).reshape(40, 64), np.repeat([0, 1], 20)
    pipeline = make_pipeline(small(), StandardScaler(), LogisticRegression())
    assert pipeline.fit(rows, labels).score(rows, labels) == 1.0


def test_a_pipeline_takes_images(small) -> None:
    images = blobs(20, 8, 8)
    assert make_pipeline(small()).fit_transform(images).shape == (20, 2)


def test_a_grid_search_over_the_latent_dimension_refits_the_best(small) -> None:
    images = blobs(45, 8, 8)
    dimensions = np.array([1, 4])  # numpy's numbers, as np.arange gives them
    search = GridSearchCV(small(), {"latent_dim": dimensions}, cv=KFold(3)).fit(images)
    assert search.best_params_ == {"latent_dim": 4}
    assert np.all(search.cv_results_["mean_test_score"] < 0)
    assert search.best_estimator_.architecture_.latent_dim == 4
    assert search.score(images) == search.best_estimator_.score(images)
    assert search.transform(images).shape == (45, 4)


def test_a_grid_search_in_a_pipeline(small) -> None:
    rows = blobs(30, 8, 8).reshape(30, 64)
    pipeline = make_pipeline(small(), LogisticRegression())
    grid = {"convautoencoder__training__learning_rate": [np.float32(0.01), 0.02]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(rows, np.arange(30) % 2)
    assert np.isfinite(search.best_score_)


def test_cross_validation_scores_are_minus_mean_squared_errors(small) -> None:
    scores = cross_val_score(small(), blobs(30, 8, 8), cv=2)
    assert scores.shape == (2,)
    assert np.all((scores < 0) & (scores > -1))


def test_clone_takes_the_parameters_and_nothing_learnt(small) -> None:
    model = small(loss="0.8*mse+0.2*l1", size=(8, 8)).fit(blobs(10, 8, 8))
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not [name for name in vars(copy) if name not in copy.get_params()]


def test_fit_leaves_the_parameters_as_they_were(small) -> None:
    model = small(latent_dim=np.int64(2), widths=[4])
    before = model.get_params(deep=False)
    model.fit(blobs(10, 8, 8))
    after = model.get_params(deep=False)
    assert all(after[name] is value for name, value in before.items())


def test_set_output_default_keeps_arrays(small) -> None:
    images = blobs(10, 8, 8)
    model = small().set_output(transform="default").fit(images)
    assert isinstance(model.transform(images), np.ndarray)


def test_the_names_of_codes(small) -> None:
    names = small().fit(blobs(10, 8, 8)).get_feature_names_out()
    assert names.tolist() == ["convautoencoder0", "convautoencoder1"]


def test_a_fit_after_rows_forgets_them(small) -> None:
    images = blobs(10, 8, 8)
    model = small().fit(images.reshape(10, 64))
    assert model.n_features_in_ == 64
    model.fit(images)
    assert not hasattr(model, "n_features_in_")
    assert model.reconstruct(images).shape == images.shape


@pytest.mark.parametrize(
    "verb", ["transform", "inverse_transform", "reconstruct", "score_samples", "score", "save"]
)
def test_verbs_ask_for_a_fit_first(small, verb: str, tmp_path) -> None:
    argument = tmp_path / "a.convae" if verb == "save" else np.zeros((2, 2), np.float32)
    with pytest.raises(Exception, match="not fitted yet"):
        getattr(small(), verb)(argument)

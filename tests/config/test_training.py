"""Training settings: what is refused, what is stored, defaults from 20 images to a million."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convae.config.training import TrainingConfig, default_batch_size, default_epochs
from convae.errors import InputError
from convae.losses import parse_loss


def refusal(**values: Any) -> str:
    with pytest.raises(InputError) as caught:
        TrainingConfig(**values)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"epochs": -1}, "epochs must be a whole number of at least 0; got -1"),
        ({"epochs": 2.0}, "epochs must be a whole number of at least 0; got 2.0"),
        ({"epochs": True}, "epochs must be a whole number of at least 0; got True"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1; got 0"),
        ({"patience": "3"}, "patience must be a whole number of at least 0; got '3'"),
        ({"seed": 2**32}, "seed must be a whole number of at least 0; got 4294967296"),
        ({"learning_rate": -0.1}, "learning_rate must be a number from 0 to 10; got -0.1"),
        ({"learning_rate": math.nan}, "learning_rate must be a number from 0 to 10; got nan"),
        ({"learning_rate": None}, "learning_rate must be a number from 0 to 10; got None"),
        ({"warmup": 1.5}, "warmup must be a number from 0 to 1; got 1.5"),
        ({"weight_decay": 11}, "weight_decay must be a number from 0 to 10; got 11"),
        ({"clip": math.inf}, "clip must be a number from 0 to 1e+06; got inf"),
        ({"ema": 1}, "ema must be a number from 0 to 0.99999; got 1"),
        ({"optimizer": "moun"}, "unknown optimizer 'moun': did you mean 'muon'?"),
        ({"schedule": ["cosine"]}, "unknown schedule ('cosine',)"),
        ({"precision": "float16"}, "unknown precision 'float16': did you mean 'bfloat16'?"),
        ({"loss": "mes"}, "did you mean 'mse'?"),
    ],
)
def test_each_fault_is_said(values: dict[str, Any], text: str) -> None:
    assert text in refusal(**values)


def test_all_faults_are_said_together() -> None:
    message = refusal(epochs=-1, clip="much", ema=2)
    assert message.startswith("training: (1) ")
    assert "(3) " in message
    assert all(f"{name} must be" in message for name in ("epochs", "clip", "ema"))


def test_stored_settings_come_back() -> None:
    settings = TrainingConfig(epochs=3, loss=parse_loss("0.8*mse+0.2*ssim"), seed=2**32 - 1)
    assert TrainingConfig.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], "must be a table of settings"),
        ({"epoch": 3}, "unknown training setting 'epoch': did you mean 'epochs'?"),
        ({"loss": 5}, "loss"),
        ({"loss": None}, "loss"),
        ({"optimizer": None}, "unknown optimizer None"),
        ({"epochs": {}}, "epochs must be"),
    ],
)
def test_hostile_settings_are_refused(values: Any, text: str) -> None:
    with pytest.raises(InputError) as caught:
        TrainingConfig.from_dict(values)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("images", "values", "batch_size", "epochs"),
    [
        (1, 784, 8, 100),
        (20, 784, 8, 100),
        (200, 784, 8, 100),
        (1_500, 64, 64, 100),
        (60_000, 784, 256, 13),
        (1_000_000, 3072, 256, 5),
        (500, 3 * 512 * 512, 5, 30),
        (100, 10**9, 1, 30),
    ],
)
def test_defaults(images: int, values: int, batch_size: int, epochs: int) -> None:
    assert default_batch_size(images, values) == batch_size
    assert default_epochs(images, batch_size) == epochs


@given(images=st.integers(1, 10**7), values=st.integers(1, 10**9))
def test_defaults_are_bounded_everywhere(images: int, values: int) -> None:
    batch = default_batch_size(images, values)
    epochs = default_epochs(images, batch)
    assert 1 <= batch <= 256
    assert batch == 1 or batch * values <= 4 * 2**20
    assert 5 <= epochs <= 100
    TrainingConfig(batch_size=batch, epochs=epochs)

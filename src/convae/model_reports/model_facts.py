"""The facts of a model file that people need first."""

from typing import Any

from convae.metrics.conformal import TOLERANCE
from convae.training.progress import number


def main_facts(description: dict[str, Any]) -> dict[str, object]:
    """Return the facts that people need first."""
    known, plan = description["facts"], description["plan"]
    settings = known.get("settings", {})
    history = known.get("history", [])
    _, height, width = description["architecture"]["image_shape"]
    channels = plan["channels"]
    rows: dict[str, object] = {
        "preset": description["parameters"].get("preset"),
        "images": f"{height}x{width}, {channels} channel{'s' * (channels != 1)}, {plan['depth']}",
        "brought to size by": plan["framing"] if plan["size"] else None,
        "trained on": known.get("images"),
        "training images": known.get("training_images"),
        "held out": known.get("validation_images"),
        "skipped": len(known.get("skipped", [])),
        "epochs": f"{max(0, len(history) - 1)} of {settings.get('epochs')}",
        "weights from epoch": known.get("best_epoch"),
        "loss": settings.get("loss"),
        "optimizer": f"{settings.get('optimizer')}, learning rate {settings.get('learning_rate')}, "
        f"batches of {settings.get('batch_size')}",
        "seed": settings.get("seed"),
        "error on held-out images": _error(known),
        "code": known.get("code"),
        "latent dimension": known.get("latent_dim"),
        **_detector(description),
        "versions": ", ".join(f"{k} {v}" for k, v in known.get("versions", {}).items()),
    }
    return {name: value for name, value in rows.items() if value is not None}


def _detector(description: dict[str, Any]) -> dict[str, object]:
    """Return what people need to know of a detector; nothing for other models."""
    known, chosen = description["facts"], description["parameters"]
    if "false_alarm_rate" not in known:
        return {}
    facts = known.get("detector", {})
    folds = f"{chosen['folds']}; the lowest score counts" if chosen.get("folds") else "none"
    return {
        "method": chosen.get("method"),
        "folds": folds,
        "score of": str(facts["score"]).replace("+", ", ") if facts.get("score") else None,
        "threshold": number(known["threshold"]) if "threshold" in known else None,
        "false-alarm rate": _promised(known),
    }


def _promised(known: dict[str, Any]) -> str:
    """Return the guarantee of a detector's threshold."""
    rate, images = known["false_alarm_rate"], known.get("calibration_images")
    groups = known.get("calibration_groups", images)  # files of earlier versions do not count them
    if groups is not None and rate < 1 / (groups + 1) - TOLERANCE:
        sure = "estimated"
    else:
        sure = "about" if known.get("largest_fold") else "at most"
    grouped = "" if groups == images else f" in {groups} group{'s' * (groups != 1)}"
    return f"{sure} {rate:.3g}, by {images} image{'s' * (images != 1)}{grouped}"


def _error(known: dict[str, Any]) -> str | None:
    """Return the mean squared error and that of PCA; None without one, or after further training."""
    if known.get("validation_mse") is None or "validation_baseline_mse" not in known:
        return None
    baseline = number(known.get("validation_baseline_mse"))
    return f"mean squared error {number(known['validation_mse'])}; PCA {baseline}"

"""Pages of the Python reference: what ``import convae`` offers, and what its docstrings refer to."""

import re
from pathlib import Path

import convae

# Heading -> what the page introduces, and the public names on it.
PAGES = {
    "Autoencoders": (
        "autoencoders",
        ["ConvAutoencoder", "VariationalAutoencoder", "SparseAutoencoder", "StackedAutoencoder"],
    ),
    "Denoiser and inpainter": ("restoration", ["Denoiser", "Inpainter"]),
    "Anomaly detector": ("anomaly", ["AnomalyDetector"]),
    "Groups of settings": (
        "settings",
        ["TrainingSettings", "ArchitectureSettings", "PreparationSettings"],
    ),
    "Images, files and results": (
        "images",
        ["open_source", "images_from", "write_images", "load", "plot_images"],
    ),
    "Choosing and comparing": ("choosing", ["tune", "compare"]),
    "Export": ("export", ["export_model"]),
    "Networks": ("networks", ["make_architecture", "Architecture", "Autoencoder"]),
    "Trackers": ("trackers", ["TensorBoardTracker", "MLflowTracker", "WandbTracker"]),
    "Errors and warnings": (
        "errors",
        ["ConvaeError", "InputError", "ImageError", "ModelFileError", "TrainingError",
         "ConvaeWarning", "ImageWarning", "FitWarning"],
    ),
}  # fmt: skip
# What public functions take and return, apart from the names above.
RETURNED = (
    "convae.estimators.anomaly.detector.Detection",
    "convae.evaluation.results.comparison.ModelComparison",
    "convae.evaluation.results.tuning.Tuning",
    "convae.images.files.image.ReadLimits",
    "convae.images.result_files.Result",
    "convae.images.result_files.Tally",
    "convae.images.sources.base.ImageSource",
    "convae.images.sources.masks.Masks",
    "convae.networks.autoencoder.EncoderOutput",
    "convae.training.checkpoint.CheckpointFolder",
    "convae.training.observers.Observer",
)
HEADER = """# Python

Everything here is an attribute of `convae` and is loaded when it is first used. Estimators follow
scikit-learn: the constructor stores its arguments, `fit` learns and returns the estimator, and what was
learnt ends in `_`. What they inherit from scikit-learn (`get_params`, `set_params`, `fit_transform`,
`set_output`) and from PyTorch is described there. [From Python and notebooks](../../python.md) shows how
they are used.
"""
REFERRED = re.compile(r":(class|func|meth|mod):`~?(convae\.[\w.]+)`")


def write(folder: Path) -> None:
    """Write ``index.md``, a page for each group of names, and one for what docstrings refer to.

    Raises:
        RuntimeError: if a public name is on no page.
    """
    listed = {name for _, names in PAGES.values() for name in names}
    missing = set(convae.__all__) - listed - {"__version__"}
    if missing:
        raise RuntimeError(f"add these names to PAGES of {__file__}: {', '.join(sorted(missing))}")
    folder.mkdir(parents=True)
    lines = [HEADER, "| page | names |", "|---|---|"]
    for heading, (page, names) in PAGES.items():
        links = ", ".join(f"[`{name}`]({page}.md)" for name in names)
        lines.append(f"| [{heading}]({page}.md) | {links} |")
        body = [f"# {heading}", "", *(_directive(name) for name in names)]
        (folder / f"{page}.md").write_text("\n".join(body), encoding="utf-8")
    details = sorted(_referred(convae_folder()) | {(name, "class") for name in RETURNED})
    body = ["# Details", "", "What the other pages refer to. It may change between releases.", ""]
    body += [f"```{{eval-rst}}\n.. auto{kind}:: {name}\n```\n" for name, kind in details]
    (folder / "details.md").write_text("\n".join(body), encoding="utf-8")
    pages = [page for page, _ in PAGES.values()]
    lines += ["", "```{toctree}", ":hidden:", "", *pages, "details", "```", ""]
    (folder / "index.md").write_text("\n".join(lines), encoding="utf-8")


def convae_folder() -> Path:
    """Return the folder of the package."""
    assert convae.__file__ is not None
    return Path(convae.__file__).parent


def _directive(name: str) -> str:
    one = getattr(convae, name)
    if isinstance(one, type):
        options = [
            ":members:",
            ":inherited-members:",
            f":exclude-members: {', '.join(_foreign(one))}",
        ]
        if issubclass(one, Exception):
            options = []
        body = "\n".join([f".. autoclass:: convae.{name}", *(f"   {option}" for option in options)])
    else:
        body = f".. autofunction:: convae.{name}"
    return f"## `{name}`\n\n```{{eval-rst}}\n{body}\n```\n"


def _foreign(one: type) -> list[str]:
    """Return the members that come from another package, whose own documentation describes them."""
    names = []
    for name in dir(one):
        home = next((c for c in one.__mro__ if name in vars(c)), object)
        if not home.__module__.startswith("convae") or re.fullmatch(r"set_\w+_request", name):
            names.append(name)
    return [name for name in names if not name.startswith("_")]


def _referred(folder: Path) -> set[tuple[str, str]]:
    """Return what the docstrings of the public names refer to by its full name, with its kind."""
    roles = {"class": "class", "func": "function"}
    found = set()
    for file in folder.rglob("*.py"):
        for role, name in REFERRED.findall(file.read_text(encoding="utf-8")):
            if role in roles and name.count(".") > 1:
                found.add((name, roles[role]))
    return found

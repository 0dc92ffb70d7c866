"""What an estimator shows of itself: a table, charts, pictures, measurements, a page, a card in a notebook.

Most of it needs what lies above the estimators (evaluations, reports of models). Imports go down only, so the
functions are looked up by name when a method is called, in the module :data:`VIEWS`, as
``convae.estimators.registry`` looks up the kinds of models.
"""

import importlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils.validation import check_is_fitted

from convae.networks.summary import Summary, summarize
from convae.report.drawing import Drawing
from convae.report.page.card import Card, render_card

VIEWS = "convae.model_reports.views"


class ModelViews:
    """The methods by which every estimator shows itself."""

    def summary(self) -> Summary:
        """Return the layers of the network with shapes, parameters and costs: ``print`` shows a table."""
        return summarize(_fitted(self).network_)

    def plot_history(self, *, ax: Any = None) -> Any:
        """Draw the training and the validation loss by epoch.

        Args:
            ax: axes of matplotlib to draw into; None for a :class:`~convae.report.drawing.Drawing`.

        Returns:
            A drawing, which a notebook shows and ``save`` writes to a file; with ``ax``, these axes.
        """
        return _on(_view("history")(_fitted(self)), ax)

    def plot_architecture(self, *, ax: Any = None) -> Any:
        """Draw the network from the image through the code to the result; as :meth:`plot_history`."""
        return _on(_view("architecture")(_fitted(self)), ax)

    def plot_reconstructions(self, X: Any, n: int = 8, *, mask: Any = None, ax: Any = None) -> Any:
        """Draw images and what the model makes of them.

        Autoencoders show each image, its reconstruction and the error; a denoiser the image, the denoised
        one, and what was removed; an inpainter the image, with holes, and filled; a detector the image with
        its regions, the heatmap, and the nearest normal image. Images of several sizes are cropped to one.

        Args:
            X: any source, see :meth:`convae.ConvAutoencoder.fit`.
            n: number of images, spread evenly over X.
            mask: of an inpainter: the missing pixels, as for :meth:`convae.Inpainter.inpaint`; None makes
                holes as in training, with a fixed seed.
            ax: as for :meth:`plot_history`.

        Returns:
            As :meth:`plot_history`.

        Raises:
            InputError: no image of X can be used, ``n`` is below 1, or another model is given a mask.
        """
        return _on(_view("reconstructions")(_fitted(self), X, n, mask), ax)

    def evaluate(
        self,
        X: Any,
        *,
        target: Any = None,
        labels: Sequence[Any] | np.ndarray | None = None,
        masks: Any = None,
        include_seen: bool = False,
    ) -> Any:
        """Measure the model on images, next to methods that need no training, as ``convae evaluate`` does.

        Args:
            X: any source. Images that the model was trained on are left out, unless there are no others.
            target: of a denoiser: the clean images; None adds noise where it learnt from clean images.
            labels: (n,) of a detector: the kind of defect of each image, or True; empty, False or ``good``
                for a normal image, None for one to leave out. Without labels, X are normal images, and
                synthetic defects are made in those that the model was not trained on.
            masks: of a detector with labels: the defects of anomalous images, matched by name.
            include_seen: whether images that the model was trained on are measured as well.

        Returns:
            The results, see :class:`convae.evaluation.results.protocol.Evaluation`: ``print`` and a notebook
            show tables and sentences; ``values()`` are plain values.

        Raises:
            InputError: an argument is for models of another kind, or no image can be measured.
        """
        return _view("evaluate")(
            _fitted(self), X, target=target, labels=labels, masks=masks, include_seen=include_seen
        )

    def report(
        self,
        path: str | Path,
        X: Any = None,
        *,
        target: Any = None,
        labels: Sequence[Any] | np.ndarray | None = None,
        masks: Any = None,
        include_seen: bool = False,
        overwrite: bool = False,
    ) -> Path:
        """Write a page on the model, as one HTML file, and return its path.

        Args:
            path: the ``.html`` file to write; its folder must exist.
            X: images to measure the model on and to show; None for a page on the training and the network
                alone, because a model keeps no images.
            target, labels, masks, include_seen: as for :meth:`evaluate`; labels are (n,), one for each image.
            overwrite: whether an existing file may be replaced.

        Raises:
            InputError: the file exists and ``overwrite`` is False, it cannot be written, or as for
                :meth:`evaluate`.
        """
        found: Path = _view("report")(
            _fitted(self), path, X, overwrite=overwrite,
            target=target, labels=labels, masks=masks, include_seen=include_seen,
        )  # fmt: skip
        return found

    @property
    def _repr_html_(self) -> Callable[[], str]:
        """A function that returns the model as HTML, for a notebook.

        It replaces scikit-learn's diagram, which says nothing of a network, and is absent where that is:
        after ``sklearn.set_config(display="text")``.
        """
        if get_config()["display"] != "diagram":
            raise AttributeError("HTML is turned off by sklearn.set_config(display='text')")
        return self._card

    def _card(self: Any) -> str:
        """Return the HTML of a model: fitted, what it is; otherwise its parameters."""
        changed = _changed(self)
        if hasattr(self, "network_"):
            card: str = _view("card")(self, changed)
            return card
        facts = {name: repr(value) for name, value in changed.items()}
        state = "not fitted" if facts else "not fitted; all parameters have their defaults"
        return render_card(Card(title=type(self).__name__, subtitle=state, facts=facts))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Return the model as text and, unless ``sklearn.set_config(display="text")``, as HTML."""
        shown = {"text/plain": repr(self)}
        if get_config()["display"] == "diagram":
            shown["text/html"] = self._card()
        return shown


class CodeViews(ModelViews):
    """The methods of models whose codes are of use."""

    def plot_codes(
        self,
        X: Any,
        labels: Sequence[Any] | np.ndarray | None = None,
        *,
        pictures: bool = False,
        ax: Any = None,
    ) -> Any:
        """Draw the codes of images in two dimensions: the directions in which they vary most.

        Args:
            X: any source; of more than 4,000 images a random selection is drawn.
            labels: (n,) one class for each image, numbers or words, shown as colours. None takes those of
                the source, if it has any.
            pictures: whether small pictures of some images are drawn in their places.
            ax: as for :meth:`plot_history`; it shows dots, without pictures.

        Returns:
            As :meth:`plot_history`.

        Raises:
            InputError: labels are not as many as images, or there are fewer than 3 different codes.
        """
        return _on(_view("codes")(_fitted(self), X, labels, pictures=pictures), ax)


def _fitted(model: Any) -> Any:
    check_is_fitted(model, "network_")
    return model


def _view(name: str) -> Any:
    """Return a function of the module :data:`VIEWS`."""
    return getattr(importlib.import_module(VIEWS), name)


def _on(drawing: Drawing, ax: Any) -> Any:
    return drawing if ax is None else drawing.on(ax)


def _changed(model: Any) -> dict[str, Any]:
    """Return the parameters that differ from their defaults."""
    defaults = inspect.signature(type(model)).parameters
    return {
        name: value
        for name, value in model.get_params(deep=False).items()
        if name not in defaults or repr(value) != repr(defaults[name].default)
    }

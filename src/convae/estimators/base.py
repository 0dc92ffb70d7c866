"""The base class of all estimators: data in, a trained network, files."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from convae.config.compatibility import check, remarks
from convae.config.parameters import CommonParameters
from convae.config.setting import groups_of, plain, settings_of
from convae.embedding.pca import PrincipalComponents
from convae.errors import (
    ImageError,
    ImageWarning,
    InputError,
    ModelFileError,
    brief,
    unknown_name,
)
from convae.estimators.budget_plan import Training, within_budget
from convae.estimators.fit import (
    Learning,
    Ready,
    Run,
    decided,
    few_images_note,
    fingerprint_of,
    fit_baseline,
    make_job,
    make_ready,
    start_network,
    stored_model,
)
from convae.estimators.fit_config import FitConfig, chosen, config_of, group_settings, grouped
from convae.estimators.labels import holds_images
from convae.estimators.pca_baseline import PCABaseline
from convae.estimators.pixel_rows import images_to_rows, is_table, row_shape, rows_to_images
from convae.estimators.views import ModelViews
from convae.images.dataset.image_set import ImageSet
from convae.images.dataset.prefetch import fetched
from convae.images.dataset.preparation import Plan
from convae.images.dataset.reach import beyond_note, is_beyond, refuse_far
from convae.images.dataset.survey import channels_fault
from convae.images.dataset.unit_range import UnitRange
from convae.images.files.axes import AmbiguousAxesError
from convae.images.files.image import Answer, Image, Pixels
from convae.images.sources.array_sources import ArraySource, is_tensor, plain_array
from convae.images.sources.base import ImageSource, Skipped
from convae.images.sources.open_source import open_source
from convae.networks.autoencoder import Autoencoder
from convae.networks.inference import Inference
from convae.storage.model_file import StoredModel, save_model
from convae.training.checkpoint import CheckpointFolder
from convae.training.devices import choose_device, on_device
from convae.training.loop import train
from convae.training.observers import Observer, Observers, Row

Prepared = tuple[int, Image, Pixels]
FEW_AHEAD = 4  # whole images that a thread may read ahead


class ImageEstimator(ModelViews, CommonParameters, BaseEstimator):
    """The base class of all estimators; subclasses define parameters and methods.

    Attributes:
        job: what a model is fitted to do, for people.
        verb, member: the verb of the command line that does it, and the member of ``fit`` that trains it.
        no_target: why images as the ``y`` of a fit are refused, and what to do instead.
        framed: whether images are resized to the training size even where the network accepts any size.
    """

    job = "reconstruct and encode"
    verb = "reconstruct"
    member = "autoencoder"
    framed = False

    no_target = "gives X itself back: leave y out, or learn to turn X into y with Denoiser"

    # -- data -----------------------------------------------------------------------------------

    def open(self, X: Any, *, reset: bool = False) -> ImageSource:
        """Open X as a source of images; rows of pixels are checked as scikit-learn does.

        Args:
            X: any source (see :func:`convae.images.sources.open_source.open_source`), or rows ``(n,
                pixels)``.
            reset: whether this is the X of a fit.
        """
        if not is_table(X):
            return self._open_images(X, reset)
        if reset:
            self.channel_axis_ = self.channels_first_ = False
        kinds = [np.float32, np.uint8, np.uint16, np.float64]
        X = plain_array(X) if is_tensor(X) else X
        rows = validate_data(self, X, reset=reset, dtype=kinds)
        fitted = None if reset else getattr(self, "image_shape_", None)
        settings = self._settings("preparation")
        shape = fitted or row_shape(rows.shape[1], settings.image_shape)
        return open_source(rows_to_images(rows, shape), channels_first=False)

    def _open_images(self, X: Any, reset: bool) -> ImageSource:
        """Open X as a source; an ambiguous shape is read as the X of the fit was."""
        known = None if reset or not getattr(self, "channel_axis_", False) else self.channels_first_
        try:
            source = open_source(X)
        except AmbiguousAxesError:
            if known is None:
                raise
            source = open_source(X, channels_first=known)
        if reset:
            self._forget_rows()
            given = X.array if isinstance(X, ArraySource) else X
            self.channel_axis_ = getattr(given, "ndim", 3) == 4
            self.channels_first_ = getattr(source, "channels_first", False)
            if source is not X and (reading := getattr(source, "reading", "")):
                warnings.warn(reading, UserWarning, stacklevel=5)
        return source

    def _refuse_target(self, X: Any, y: Any) -> None:
        """Raise an error if ``y`` holds images, which would otherwise be ignored; labels are accepted.

        Raises:
            InputError: ``y`` holds images.
        """
        if holds_images(y, X):
            raise InputError(f"y holds images, and {type(self).__name__} {self.no_target}")

    def prepared(
        self, source: ImageSource, *, originals: bool = False
    ) -> Iterator[Prepared | ImageError]:
        """Yield (position, image as read, pixels as the network takes them) of each image, in order.

        In place of an image that cannot be used, yield its :class:`ImageError`. Memory does not grow with the
        number of images.

        Args:
            originals: whether images as read must have all pixels of their files, and not only as many as the
                network needs.
        """
        check_is_fitted(self, "network_")
        plan, beyond = self._plan, list[str]()

        def one(i: int, answer: Answer) -> Prepared | ImageError:
            if isinstance(answer, ImageError):
                return answer
            image = answer[1]
            assert image is not None
            try:
                pixels = self._framed(image)
                self._look_for_beyond(image, pixels, beyond)
                return i, source.read(i) if originals and image.reduced else image, pixels
            except ImageError as error:
                return error

        quick = not plan.takes_time(source)
        everyone, size = range(len(source)), plan.for_size
        yield from fetched(source, everyone, one, for_size=size, quick=quick, ahead=FEW_AHEAD)
        self._tell_of_beyond(beyond)

    def _look_for_beyond(self, image: Image, pixels: Pixels, names: list[str]) -> None:
        """Record the name of an image whose values are on another scale than those of the training images."""
        if is_beyond(pixels, self.scaling_):
            names.append(image.info.name)

    def _tell_of_beyond(self, names: list[str]) -> None:
        if names:
            warnings.warn(ImageWarning(beyond_note(names, self.scaling_)), stacklevel=2)

    def _framed(self, image: Image) -> Pixels:
        """Frame an image to the size that the network takes; a network with a spatial code takes any size.

        Raises:
            ImageError: the number of channels or the size does not fit the model.
        """
        a = self.network_.architecture
        have = image.pixels.shape[2]
        if have != self.plan_.channels and self.channels is None:  # no silent conversion
            raise ImageError(image.info.name, channels_fault(have, self.plan_.channels))
        pixels = self._plan.apply(image)
        if not a.takes_any_size and pixels.shape[:2] != a.image_shape[1:]:
            other = "" if a.custom_code else ", or with code 'spatial'"
            raise ImageError(
                image.info.name,
                f"it is {pixels.shape[0]}x{pixels.shape[1]} and this model takes "
                f"{a.image_shape[1]}x{a.image_shape[2]}: fit with size=(height, width){other}",
            )
        refuse_far(pixels, self.scaling_, image.info.name)
        return pixels

    @property
    def _plan(self) -> Plan:
        """Return how the images that the model is used on are prepared."""
        whole = self.network_.architecture.takes_any_size and not self.framed
        return self.plan_.whole() if whole else self.plan_

    def _pixels(self, X: Any) -> Iterator[Pixels]:
        """Yield the prepared pixels of every image of X; an unusable image raises its error."""
        for item in self.prepared(self.open(X)):
            if isinstance(item, ImageError):
                raise item
            yield item[2]

    def _like_fit(self, images: list[np.ndarray]) -> np.ndarray:
        """Convert images (H, W, C) to the layout of X in :meth:`fit`.

        The layouts are rows, (n, H, W), (n, H, W, C) and (n, C, H, W).
        """
        stacked = np.stack(images) if images else np.zeros((0, *self.image_shape_), np.float32)
        if self._fitted_on_rows:
            return images_to_rows(stacked)
        if self.channels_first_:
            return np.moveaxis(stacked, 3, 1)
        return stacked if self.channel_axis_ or stacked.shape[3] > 1 else stacked[..., 0]

    @property
    def _fitted_on_rows(self) -> bool:
        return getattr(self, "n_features_in_", None) is not None

    def _forget_rows(self) -> None:
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                delattr(self, name)

    # -- fitting --------------------------------------------------------------------------------

    def _opened(
        self,
        X: Any,
        *,
        groups: Sequence[Any] | np.ndarray | None,
        checkpoint: CheckpointFolder | str | Path | None,
        resume: bool,
        observers: Iterable[Observer],
        shown: Observer | None = None,
        **others: ImageSource | None,
    ) -> tuple[ImageSource, FitConfig[Any], Run]:
        """Check and open what a fit is given: the images, the parameters, and how it is run.

        Args:
            shown: shows the fit to the user.

        Raises:
            InputError: parameters are wrong or incompatible; the message says which, why, and what to do
                instead.
        """
        folder = CheckpointFolder(checkpoint) if isinstance(checkpoint, str | Path) else checkpoint
        run = Run(
            groups=groups,
            checkpoint=folder,
            resume=resume,
            observers=Observers(list(observers), display=shown, warns=True),
            target=others.get("target"),
            defects=others.get("defects"),
        )
        config = self._config()
        choice = chosen(self.member, self._tasks(config, run), config)
        check(**choice)
        source = self.open(X, reset=True)
        for remark in remarks(**choice):
            run.observers.warn(remark)
        return source, config, run

    def _trained(self, source: ImageSource, config: FitConfig[Any], run: Run) -> Self:
        """Prepare the images, train the network, and set what was learnt: a fit, from top to bottom."""
        ready = self._ready(source, config, run)
        config = decided(config, ready)
        pca = self._baseline(ready, config)
        network = start_network(ready, pca)
        learning = self._learning(ready, network, config, run)
        choice = chosen(self.member, self._tasks(config, run), config)
        if note := few_images_note(ready, config, choice):
            run.observers.message(note)
        training = Training(ready=ready, network=network, job=make_job(config, ready, learning))
        if config.budget is not None:
            training = within_budget(training, config, learning, pca, run)
        ready, network, job = training.ready, training.network, training.job
        history = train(
            network,
            job,
            checkpoint=run.checkpoint,
            resume=run.resume and not learning.fresh,
            observers=run.observers,
            budget=training.budget,
        )
        kind, facts = type(self).__name__, learning.facts
        stored = stored_model(kind, config, ready, network, job, history, run, facts, pca)
        return self._adopt(self._finished(ready, config, stored))

    def _baseline(self, ready: Ready, config: FitConfig[Any]) -> PrincipalComponents | None:
        """Return PCA, if the network starts from it."""
        return fit_baseline(ready) if ready.architecture.bypass != "none" else None

    def _config(self) -> FitConfig[Any]:
        """Check and parse the parameters.

        Raises:
            InputError: parameters are wrong for any images.
        """
        return config_of(self, self._seed())

    def _tasks(self, config: FitConfig[Any], run: Run) -> tuple[str, ...]:
        """Return the tasks, by the names of :data:`convae.config.compatibility.TASKS`.

        Empty while the tasks are not decided.
        """
        return ("images",)

    def _ready(self, source: ImageSource, config: FitConfig[Any], run: Run) -> Ready:
        """Return the images, prepared and split, with the architecture that fits them."""
        return make_ready(source, config, run)

    def _learning(
        self, ready: Ready, network: Autoencoder, config: FitConfig[Any], run: Run
    ) -> Learning:
        """Return what the network learns."""
        raise NotImplementedError

    def _finished(self, ready: Ready, config: FitConfig[Any], stored: StoredModel) -> StoredModel:
        """Learn what is needed in addition, once the network is trained."""
        return stored

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name, as scikit-learn does.

        Args:
            deep: whether to add the fields of settings, such as ``training__ema``.
        """
        found: dict[str, Any] = super().get_params(deep=False)
        if deep:
            for group in groups_of(type(self)):
                with suppress(InputError):  # a fit says what is wrong with them
                    values = vars(self._settings(group))
                    found |= {f"{group}__{name}": value for name, value in values.items()}
        return found

    def set_params(self, **params: Any) -> Self:
        """Set parameters, as scikit-learn does; fields of settings by names such as ``training__ema``.

        Raises:
            InputError: there is no such parameter, or the value of a field is out of its range.
        """
        groups, nested = groups_of(type(self)), dict[str, dict[str, Any]]()
        plain_ones = dict[str, Any]()
        for name, value in params.items():
            group, found, field = name.partition("__")
            if found and group in groups:
                nested.setdefault(group, {})[field] = value
            else:
                plain_ones[name] = value
        super().set_params(**plain_ones)
        for group, values in nested.items():
            settings = self._settings(group)
            for field in values:
                if field not in vars(settings):
                    raise unknown_name(f"{group} setting", field, vars(settings))
            setattr(self, group, replace(settings, **values))
        return self

    def _settings(self, group: str) -> Any:
        """Return the settings of a group, with all their values.

        Raises:
            InputError: they are wrong.
        """
        known = {one.name for one in settings_of(type(self)) if one.within == group}
        return group_settings(group, getattr(self, group), groups_of(type(self))[group], known)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Create an estimator from parameters by the names that TOML files and the command line have.

        Args:
            options: such as ``{"epochs": 5, "ema": 0.9}``; fields of settings stand among the others.

        Raises:
            InputError: there is no such parameter; the message names the nearest that there is.
        """
        return cls(**grouped(cls, options))

    def check_parameters(self) -> None:
        """Check the parameters, as a fit does before it reads an image.

        Raises:
            InputError: parameters are wrong for any images, all listed together.
        """
        self._config()

    def to_options(self) -> dict[str, Any]:
        """Return all parameters by the names that TOML files have, as :meth:`from_options` takes them.

        Raises:
            InputError: parameters are wrong for any images.
        """
        return self._config().flat()

    def _seed(self) -> int:
        """Return ``random_state`` as a number; None is 0, so that the same call gives the same model.

        Raises:
            InputError: ``random_state`` is not a whole number from 0 to 2**32 - 1.
        """
        state = self.random_state
        if state is None:
            return 0
        if isinstance(state, np.random.RandomState):
            return int(state.randint(2**31))
        whole = isinstance(state, int | np.integer) and not isinstance(state, bool)
        if whole and 0 <= state < 2**32:
            return int(state)
        raise InputError(f"random_state must be a whole number from 0 to 2**32 - 1; got {state!r}")

    def _adopt(self, stored: StoredModel, device: str | None = None) -> Self:
        """Set the attributes of a trained or loaded model; the names of learnt ones end in an underscore."""
        facts = stored.facts
        self._stored = stored
        self.architecture_ = stored.network.architecture
        self.image_shape_ = self.architecture_.image_shape
        self.plan_, self.scaling_, self.pca_ = stored.plan, stored.scaling, stored.pca
        self.settings_ = stored.settings
        self.history_ = [dict(row) for row in facts["history"]]
        self.n_iter_ = len(self.history_) - 1
        self.best_epoch_, self.validation_mse_ = facts["best_epoch"], facts["validation_mse"]
        self.notes_ = list(facts["notes"])
        self.skipped_ = [Skipped(str(name), str(reason)) for name, reason in facts["skipped"]]
        self.seen_, self.held_out_ = stored.seen, stored.held_out
        self._unit = UnitRange(stored.scaling, choose_device(device or self.device))
        self.network_ = on_device(stored.network, self._unit.device)
        return self

    def _continued(self, network: Autoencoder, row: Row, images: ImageSet) -> None:
        """Set the attributes after one more pass over other images.

        All these images were trained on: none are held out any more, and earlier measurements do not apply.
        """
        stored, facts = self._stored, self._stored.facts
        seen = np.union1d(self.seen_, images.hashes)
        skipped = [*facts["skipped"], *([s.name, s.reason] for s in images.skipped)]
        history = [*self.history_, row]
        changed = {"history": history, "skipped": skipped, "best_epoch": row["epoch"]}
        changed |= {"validation_mse": None, "training_images": len(seen), "validation_images": 0}
        changed["fingerprint"] = fingerprint_of(images, str(facts["fingerprint"]))
        self._adopt(
            replace(stored, network=network, seen=seen, held_out=None, facts={**facts, **changed})
        )

    # -- using ----------------------------------------------------------------------------------

    @property
    def inference_(self) -> Inference:
        """The network, applied to many images."""
        check_is_fitted(self, "network_")
        return Inference(self.network_, self._unit)

    @property
    def baseline_(self) -> PCABaseline:
        """PCA with the same code size, fitted on the same training images."""
        check_is_fitted(self, "network_")
        return PCABaseline.fitted(self.architecture_, self.pca_, self._unit.device)

    # -- files ----------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the model to one file (``*.convae``): safetensors, nothing executable.

        The duration of epochs is left out, so that the same fit gives the same bytes.

        Raises:
            InputError: the file cannot be written.
        """
        check_is_fitted(self, "network_")
        timings = ("seconds", "images_per_second")
        history = [{n: v for n, v in row.items() if n not in timings} for row in self.history_]
        facts = {**self._stored.facts, "history": history}
        facts |= {"rows": self._fitted_on_rows, "channel_axis": bool(self.channel_axis_)}
        facts["channels_first"] = self.channels_first_
        save_model(path, replace(self._stored, network=self.network_, facts=facts))

    @classmethod
    def _from_file(cls, path: str | Path, stored: StoredModel, device: str) -> Self:
        names = {one.name for one in settings_of(cls)}
        choose_device(device)
        try:
            parameters = {n: plain(v) for n, v in stored.parameters.items() if n in names}
            model = cls.from_options({**parameters, "device": device})
            for group in groups_of(cls):
                setattr(model, group, model._settings(group))
            model._config()  # parameters used later must have the types that a fit accepts
            model._adopt(stored)
            if not model.history_:
                raise ValueError("there is no history")
            if stored.facts["rows"]:
                model.n_features_in_ = int(np.prod(model.image_shape_))
            model.channel_axis_ = bool(stored.facts["channel_axis"])
            model.channels_first_ = bool(stored.facts.get("channels_first", False))
        except Exception as error:  # facts of wrong types may lead to any error
            raise ModelFileError(
                f"{path}: damaged: its facts are not complete ({brief(error, 200)})"
            ) from error
        return model

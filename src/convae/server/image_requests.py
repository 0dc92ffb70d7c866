"""Requests with images: from the body of a request to its answer, for every verb."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from fastapi import Request
from starlette.responses import Response

from convae.errors import ImageError
from convae.estimators.streaming import made_by
from convae.server import formats
from convae.server.bodies import images_of, media_type
from convae.server.context import Answer, Context, check_query, computed, deadline, entered
from convae.server.engine import Job
from convae.server.failures import RequestError
from convae.server.formats import JSON, NPY, PNG, TAR, Body
from convae.server.given_images import Given
from convae.server.models import Served
from convae.serving.applying import Options, check_options
from convae.serving.outcome import Outcome

# Times the largest body: results may be larger than what was sent, but not without end.
_LARGEST_ANSWER = 8


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a request asks of images.

    Attributes:
        verb, options: what to do.
        kinds: the kinds of answers that the verb has.
        default: the kind without an ``Accept`` header.
        page: which picture of a file.
        heatmap, overlay: which pictures of a detection JSON holds.
    """

    verb: str
    options: Options
    kinds: Sequence[str]
    default: str
    page: int | None = None
    heatmap: bool = False
    overlay: bool = False


@dataclass
class _Writer:
    """Makes of each result what the answer needs, in the computing thread.

    Attributes:
        kind: of the answer.
        most: the largest number of bytes of all results.
        size: bytes so far.
    """

    context: Context
    served: Served
    question: Question
    kind: str
    several: bool
    given: list[Given]
    most: int
    size: int = 0
    names: formats.Names = field(default_factory=formats.Names)

    def __call__(self, place: int, outcome: Outcome | ImageError) -> Any:
        """Return a body, plain values, or the error.

        Raises:
            RequestError: the results are too large, or of a kind that cannot hold them.
        """
        labels = {"model": self.served.name, "verb": self.question.verb}
        if isinstance(outcome, ImageError):
            self.context.metrics.bad_images.add(1, **labels)
            return outcome
        if outcome.detection is not None:
            self._count(outcome)
        made = self._made(place, outcome)
        self.size += _size(made)
        if self.size > self.most:
            raise RequestError(
                413, f"the results are larger than {self.most:,} bytes: send fewer images at a time"
            )
        return made

    def _made(self, place: int, outcome: Outcome) -> Any:
        question = self.question
        if self.kind == JSON:
            return self._values(outcome)
        if self.kind == TAR:
            made, suffix = formats.file_of(outcome)
            name = self.names.free(self.given[place].name, suffix)
            return name, made, self._facts(outcome)
        if self.several:
            return outcome.array if outcome.array is not None else outcome.pixels
        if outcome.pixels is not None:
            return _with_notes(formats.image_body(outcome, self.kind), outcome)
        if outcome.heatmap is not None:
            return _with_notes(formats.heatmap_body(outcome, self.kind), outcome)
        assert question.verb == "encode"
        return formats.array_body(outcome, self.kind)

    def _values(self, outcome: Outcome) -> dict[str, Any]:
        question = self.question
        return formats.values_of(outcome, heatmap=question.heatmap, overlay=question.overlay)

    def _facts(self, outcome: Outcome) -> dict[str, Any]:
        return {**outcome.facts, **({"notes": outcome.notes} if outcome.notes else {})}

    def _count(self, outcome: Outcome) -> None:
        assert outcome.detection is not None
        metrics, name = self.context.metrics, self.served.name
        metrics.p_values.observe(outcome.detection.p_value, model=name)
        metrics.anomalous.add(float(outcome.detection.anomalous), model=name)
        self.served.latest.add(outcome.detection)


def _size(made: Any) -> int:
    """Return about how many bytes of the answer a result takes."""
    if isinstance(made, dict):
        embedded = (v["base64"] for v in made.values() if isinstance(v, dict) and "base64" in v)
        return sum(map(len, embedded)) + sum(_numbers(v) for v in made.values())
    if isinstance(made, tuple):
        return len(made[1].data)
    return len(made.data) if isinstance(made, Body) else int(made.nbytes)


def _numbers(value: Any) -> int:
    """Return about how many bytes an array or a list takes as text."""
    return 20 * (getattr(value, "size", 0) or (len(value) if isinstance(value, list) else 0))


def _with_notes(made: Body, outcome: Outcome) -> Body:
    if not outcome.notes:
        return made
    return Body(data=made.data, media=made.media, facts={**made.facts, "notes": outcome.notes})


async def answer_images(
    context: Context, request: Request, name: str, question: Question
) -> Response:
    """Answer a request with images.

    Raises:
        RequestError: the request cannot be answered.
    """
    served = context.models.get(name)
    request.state.model, request.state.verb = served.name, question.verb
    async with entered(context) as entry:
        check_query(request)
        check_options(served.model, question.verb, question.options)
        media = media_type(request.headers.get("content-type"))
        accept = request.headers.get("accept")
        formats.accepted(accept, question.kinds, question.default)  # before the body is read
        data = await entry.body(request)
        images, several = await asyncio.to_thread(
            images_of,
            data,
            media,
            most=context.settings.max_images,
            page=question.page,
            masks=question.verb == "inpaint",
        )
        kind = _kind(accept, question, several)
        options = question.options
        if question.verb == "detect" and (kind == PNG or question.overlay):
            options = Options(rate=options.rate, threshold=options.threshold, overlay=True)
        writer = _Writer(
            context=context,
            served=served,
            question=question,
            kind=kind,
            several=several,
            given=images,
            most=_LARGEST_ANSWER * context.settings.max_body,
        )
        job = Job(
            key=(id(served.model), question.verb, options),
            deadline=deadline(context),
            model=served.model,
            verb=question.verb,
            options=options,
            images=images,
            finish=writer,
        )
        done = await computed(context, request, job)
        made = await asyncio.to_thread(_joined, done, writer)
        return Answer(made, entry, context)


def _kind(accept: str | None, question: Question, several: bool) -> str:
    """Return the kind of answer: several images do not fit one image file."""
    if not several:
        kind = formats.accepted(accept, question.kinds, question.default)
        if kind == TAR:
            raise RequestError(406, "a tar is the answer to a tar; ask for another kind")
        return kind
    default = JSON if question.default == JSON else TAR
    known = (TAR, JSON, *((NPY,) if question.verb == "encode" else ()))
    return formats.accepted(accept, known, default)


def _joined(done: list[Any], writer: _Writer) -> Body:
    """Return the body of the answer.

    Raises:
        ImageError: the only image cannot be used.
        Exception: what went wrong with a result.
    """
    for one in done:
        if isinstance(one, Exception) and not (writer.several and isinstance(one, ImageError)):
            raise one
    if not writer.several:
        made = done[0]
        if isinstance(made, Body):
            return made
        return Body(
            data=formats.json_bytes({**_made_by(writer), **made}), media=formats.MEDIA[JSON]
        )
    names = [given.name for given in writer.given]
    if writer.kind == NPY:
        return _stacked(names, done)
    errors = {
        place: {"name": names[place], "error": one.reason}
        for place, one in enumerate(done)
        if isinstance(one, ImageError)
    }
    if writer.kind == JSON:
        listed = [
            errors.get(place) or {"name": names[place], **one} for place, one in enumerate(done)
        ]
        values = {**_made_by(writer), "images": listed}
        return Body(data=formats.json_bytes(values), media=formats.MEDIA[JSON])
    listed, files = [], []
    for place, one in enumerate(done):
        if place in errors:
            listed.append(errors[place])
            continue
        file, made, facts = one
        files.append((file, made.data))
        listed.append({"name": names[place], "file": file, **facts})
    files.append(("results.json", formats.json_bytes({**_made_by(writer), "images": listed})))
    return Body(data=formats.tar_bytes(files), media=formats.MEDIA[TAR])


def _made_by(writer: _Writer) -> dict[str, Any]:
    """Return the identifier of the codes' model, for ``encode``."""
    question = writer.question
    if question.verb != "encode":
        return {"model": writer.served.name}
    maker = made_by(writer.served.model, question.options.layer)
    return {"model": writer.served.name, "made_by": maker}


def _stacked(names: Sequence[str], done: Sequence[Any]) -> Body:
    """Return codes as one array (n, ...).

    Raises:
        ImageError: an image could not be used; an array has no place for that.
        RequestError: 406, the codes have different sizes.
    """
    for one in done:
        if isinstance(one, ImageError):
            raise one
    if len({one.shape for one in done}) > 1:
        raise RequestError(406, "the codes have different sizes: ask for application/json")
    return Body(data=formats.npy_bytes(np.stack(list(done))), media=formats.MEDIA[NPY])

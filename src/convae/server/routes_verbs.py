"""``/v1/models/NAME/VERB``: images in, results out."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from convae.corruption.noise_levels import parse_level
from convae.errors import ImageError, InputError, unknown_name
from convae.estimators.streaming import made_by
from convae.server import formats
from convae.server.answers import (
    MOST_SAMPLES,
    decoded,
    sampled,
)
from convae.server.bodies import codes_of, images_of, media_type
from convae.server.context import Answer, Context, Entry, computed, deadline, entered
from convae.server.engine import Job
from convae.server.failures import RequestError
from convae.server.formats import JSON, NPY, OWN, PNG, TAR, TIFF, Body
from convae.server.given_images import Given
from convae.server.models import Served
from convae.server.openapi import SENT, answers, body
from convae.serving.applying import OTHER_VERBS, Options, check_options
from convae.serving.outcome import Outcome

Name = Annotated[str, Path(description="The name of the model, see /v1/models.", max_length=64)]
Page = Annotated[
    int | None,
    Query(ge=0, le=9_999, description="Which picture of a file of several, from 0."),
]
_LARGEST_ANSWER = (
    8  # times the largest body: results may be larger than what was sent, but not without end
)
_OWN_KINDS = ("image/jpeg", "image/bmp", "image/webp", "image/x-tga", "image/x-portable-anymap")
_IMAGE_KINDS = (PNG, TIFF, NPY, JSON, TAR)
_ONE = "An image file: PNG, JPEG, TIFF, WebP, BMP, ...; or a tar of several."
_NUMBERS: dict[str, Any] = {
    "oneOf": [
        {"type": "array", "items": {}},
        {"type": "object", "required": ["codes"], "properties": {"codes": {"type": "array"}}},
    ]
}
_VERB_SUMMARIES = {
    "reconstruct": "Encode an image and decode it again.",
    "encode": "Return the code of an image.",
    "denoise": "Remove noise from an image.",
    "inpaint": "Fill the holes of an image.",
    "detect": "Detect anomalies: score, p-value, verdict and regions.",
    "decode": "Turn codes into images.",
    "sample": "Generate new images.",
}


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
        _check_query(request)
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
    import numpy as np

    for one in done:
        if isinstance(one, ImageError):
            raise one
    if len({one.shape for one in done}) > 1:
        raise RequestError(406, "the codes have different sizes: ask for application/json")
    return Body(data=formats.npy_bytes(np.stack(list(done))), media=formats.MEDIA[NPY])


def _check_query(request: Request) -> None:
    """Refuse options that a route does not know: a typing error must not pass for a default.

    Raises:
        InputError: names the nearest option that there is.
    """
    known = {one.alias for one in request.scope["route"].dependant.query_params}
    for name in request.query_params:
        if name not in known:
            raise unknown_name("option", name, known or {"(none)"})


def _level(text: str | None) -> float | None:
    """Return a noise level: ``0.1`` or ``25/255``.

    Raises:
        RequestError: 422, it is none.
    """
    if text is None:
        return None
    try:
        least, most = parse_level(text, "sigma")
    except InputError as error:
        raise RequestError(
            422, f"sigma must be one level, such as 0.1 or 25/255; got {text!r:.40}"
        ) from error
    if least != most:
        raise RequestError(
            422, f"sigma takes one level, such as 25/255; got the range {text!r:.40}"
        )
    return most


def verb_routes(context: Context) -> APIRouter:
    """Return the routes of all verbs."""
    router = APIRouter(prefix="/v1/models/{name}", tags=["verbs"])
    pictures = answers(_IMAGE_KINDS, *_OWN_KINDS)

    def post(
        verb: str, responses: dict[int | str, dict[str, Any]], extra: dict[str, Any] | None
    ) -> Callable[[Any], Any]:
        return router.post(
            f"/{verb}",
            responses=responses,
            openapi_extra=extra,
            response_class=Response,
            summary=_VERB_SUMMARIES[verb],
            operation_id=verb,
        )

    @post("reconstruct", pictures, body(_ONE, *SENT))
    async def reconstruct(name: Name, request: Request, page: Page = None) -> Response:
        question = Question(
            verb="reconstruct", options=Options(), kinds=_IMAGE_KINDS, default=OWN, page=page
        )
        return await answer_images(context, request, name, question)

    @post("denoise", pictures, body(_ONE, *SENT))
    async def denoise(
        name: Name,
        request: Request,
        sigma: Annotated[
            str | None,
            Query(
                max_length=40,
                description="Noise level as a fraction of the range, such as 25/255; estimated by default.",
            ),
        ] = None,
        ensemble: Annotated[
            bool, Query(description="Average over eight flips and rotations: eight times slower.")
        ] = False,
        page: Page = None,
    ) -> Response:
        options = Options(sigma=_level(sigma), ensemble=ensemble)
        question = Question(
            verb="denoise", options=options, kinds=_IMAGE_KINDS, default=OWN, page=page
        )
        return await answer_images(context, request, name, question)

    both = f"{_ONE} The mask of a.png is a_mask.png; of two files, the second is the mask of the first."

    @post("inpaint", pictures, body(both, *SENT))
    async def inpaint(
        name: Name,
        request: Request,
        invert: Annotated[bool, Query(description="Black is missing in masks, not white.")] = False,
        alpha: Annotated[bool, Query(description="Transparent pixels are missing.")] = False,
        find_damage: Annotated[bool, Query(description="Search damage and fill it, too.")] = False,
        ensemble: Annotated[
            bool, Query(description="Average over eight flips and rotations: eight times slower.")
        ] = False,
        page: Page = None,
    ) -> Response:
        options = Options(invert=invert, alpha=alpha, find_damage=find_damage, ensemble=ensemble)
        question = Question(
            verb="inpaint", options=options, kinds=_IMAGE_KINDS, default=OWN, page=page
        )
        return await answer_images(context, request, name, question)

    @post("detect", answers((JSON, TIFF, PNG, NPY, TAR)), body(_ONE, *SENT))
    async def detect(
        name: Name,
        request: Request,
        rate: Annotated[
            float | None,
            Query(
                gt=0,
                le=1,
                description="Another false-alarm rate, if the calibration can promise it.",
            ),
        ] = None,
        threshold: Annotated[
            float | None,
            Query(
                allow_inf_nan=False,
                description="Another threshold of the score, without a promise.",
            ),
        ] = None,
        heatmap: Annotated[
            bool, Query(description="In JSON: the heatmap as a float32 TIFF, base64.")
        ] = False,
        overlay: Annotated[
            bool, Query(description="In JSON: the image with the heatmap over it as PNG, base64.")
        ] = False,
        page: Page = None,
    ) -> Response:
        question = Question(
            verb="detect",
            options=Options(rate=rate, threshold=threshold),
            kinds=(JSON, TIFF, PNG, NPY, TAR),
            default=JSON,
            page=page,
            heatmap=heatmap,
            overlay=overlay,
        )
        return await answer_images(context, request, name, question)

    @post("encode", answers((JSON, NPY, TAR)), body(_ONE, *SENT))
    async def encode(
        name: Name,
        request: Request,
        layer: Annotated[
            str | None,
            Query(max_length=100, description="The output of this layer instead of the code."),
        ] = None,
        page: Page = None,
    ) -> Response:
        question = Question(
            verb="encode",
            options=Options(layer=layer),
            kinds=(JSON, NPY, TAR),
            default=JSON,
            page=page,
        )
        return await answer_images(context, request, name, question)

    codes = body(
        "Codes: a .npy file, a list of numbers, or a list of such lists.",
        formats.MEDIA[NPY],
        json=_NUMBERS,
    )

    @post("decode", answers((PNG, TIFF, NPY, JSON, TAR)), codes)
    async def decode(name: Name, request: Request) -> Response:
        served = _served(context, request, name, "decode")
        async with entered(context) as entry:
            _check_query(request)
            data = await entry.body(request)
            media = media_type(request.headers.get("content-type"))
            array = await asyncio.to_thread(codes_of, data, media)

            def work() -> list[Outcome]:
                return decoded(served.model, array)

            return await _made(context, request, entry, served, work)

    @post("sample", answers((PNG, TIFF, NPY, JSON, TAR)), None)
    async def sample(
        name: Name,
        request: Request,
        count: Annotated[int, Query(ge=1, le=MOST_SAMPLES, description="Number of images.")] = 1,
        density: Annotated[
            str,
            Query(alias="from", max_length=20, description="prior, gaussian or mixture."),
        ] = "prior",
        seed: Annotated[int, Query(ge=0, le=2**32 - 1, description="Of the random generator.")] = 0,
    ) -> Response:
        served = _served(context, request, name, "sample")
        async with entered(context) as entry:
            _check_query(request)

            def work() -> list[Outcome]:
                return sampled(served.model, count, density=density, seed=seed)

            return await _made(context, request, entry, served, work)

    return router


def _served(context: Context, request: Request, name: str, verb: str) -> Served:
    """Return the model of a verb without images.

    Raises:
        RequestError: 404, there is none; 422, it is of another kind.
    """
    served = context.models.get(name)
    request.state.model, request.state.verb = served.name, verb
    if not isinstance(served.model, OTHER_VERBS[verb]):
        able = ", ".join(served.verbs)
        raise RequestError(
            422, f"this model was fitted to {served.model.job}: it can {able}, not {verb}"
        )
    return served


async def _made(
    context: Context,
    request: Request,
    entry: Entry,
    served: Served,
    work: Callable[[], list[Outcome]],
) -> Response:
    """Answer a request for images that are made from codes: one image, or several as NPY, JSON or tar.

    Raises:
        RequestError: 406, several images do not fit the kind that is accepted.
    """
    accept = request.headers.get("accept")
    kind = formats.accepted(accept, (PNG, TIFF, NPY, JSON, TAR), OWN)

    def alone() -> list[Any]:
        return [_images_body(served, work(), kind)]

    job = Job(key=None, deadline=deadline(context), alone=alone)
    (made,) = await computed(context, request, job)
    return Answer(made, entry, context)


def _images_body(served: Served, made: list[Outcome], kind: str) -> Body:
    import numpy as np

    if kind == JSON:
        images = [formats.values_of(one) for one in made]
        values = {"model": served.name, "images": images}
        return Body(data=formats.json_bytes(values), media=formats.MEDIA[JSON])
    if kind == NPY:
        stack = np.stack([one.pixels for one in made if one.pixels is not None])
        return Body(data=formats.npy_bytes(stack), media=formats.MEDIA[NPY])
    if len(made) == 1 and kind != TAR:
        return formats.image_body(made[0], kind)
    if kind not in (TAR, OWN):
        raise RequestError(
            406,
            f"{len(made)} images do not fit one {kind.upper()} file: ask for {formats.MEDIA[TAR]}, "
            f"{formats.MEDIA[NPY]} or {formats.MEDIA[JSON]}",
        )
    files = []
    for number, one in enumerate(made):
        file, suffix = formats.file_of(one)
        files.append((f"{number:06d}{suffix}", file.data))
    return Body(data=formats.tar_bytes(files), media=formats.MEDIA[TAR])

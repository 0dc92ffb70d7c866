"""``/v1/models/NAME/VERB``: images in, results out."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from convae.corruption.noise_levels import parse_level
from convae.errors import InputError
from convae.server import formats
from convae.server.answers import MOST_SAMPLES, decoded, sampled
from convae.server.bodies import codes_of, media_type
from convae.server.context import Context, check_query, entered
from convae.server.failures import RequestError
from convae.server.formats import JSON, NPY, OWN, PNG, TAR, TIFF
from convae.server.image_requests import Question, answer_images
from convae.server.made_images import KINDS, answer_made, served_for
from convae.server.openapi import SENT, answers, body
from convae.serving.applying import Options
from convae.serving.outcome import Outcome

# The options of the verbs, as they stand in the address of a request.
Name = Annotated[str, Path(description="The name of the model, see /v1/models.", max_length=64)]
Page = Annotated[
    int | None,
    Query(ge=0, le=9_999, description="Which picture of a file of several, from 0."),
]
Sigma = Annotated[
    str | None,
    Query(
        max_length=40,
        description="Noise level as a fraction of the range, such as 25/255; estimated by default.",
    ),
]
Ensemble = Annotated[
    bool, Query(description="Average over eight flips and rotations: eight times slower.")
]
Invert = Annotated[bool, Query(description="Black is missing in masks, not white.")]
Alpha = Annotated[bool, Query(description="Transparent pixels are missing.")]
FindDamage = Annotated[bool, Query(description="Search damage and fill it, too.")]
Rate = Annotated[
    float | None,
    Query(gt=0, le=1, description="Another false-alarm rate, if the calibration can promise it."),
]
Threshold = Annotated[
    float | None,
    Query(allow_inf_nan=False, description="Another threshold of the score, without a promise."),
]
Heatmap = Annotated[bool, Query(description="In JSON: the heatmap as a float32 TIFF, base64.")]
Overlay = Annotated[
    bool, Query(description="In JSON: the image with the heatmap over it as PNG, base64.")
]
Layer = Annotated[
    str | None,
    Query(max_length=100, description="The output of this layer instead of the code."),
]
Count = Annotated[int, Query(ge=1, le=MOST_SAMPLES, description="Number of images.")]
Density = Annotated[
    str, Query(alias="from", max_length=20, description="prior, gaussian or mixture.")
]
Seed = Annotated[int, Query(ge=0, le=2**32 - 1, description="Of the random generator.")]

_ONE = "An image file: PNG, JPEG, TIFF, WebP, BMP, ...; or a tar of several."
_MASKED = (
    f"{_ONE} The mask of a.png is a_mask.png; of two files, the second is the mask of the first."
)
_OWN_KINDS = ("image/jpeg", "image/bmp", "image/webp", "image/x-tga", "image/x-portable-anymap")
_IMAGE_KINDS = (PNG, TIFF, NPY, JSON, TAR)
_DETECTION_KINDS = (JSON, TIFF, PNG, NPY, TAR)
_CODE_KINDS = (JSON, NPY, TAR)
_IMAGES = answers(_IMAGE_KINDS, *_OWN_KINDS)
_CODES = body(
    "Codes: a .npy file, a list of numbers, or a list of such lists.",
    formats.MEDIA[NPY],
    json={
        "oneOf": [
            {"type": "array", "items": {}},
            {"type": "object", "required": ["codes"], "properties": {"codes": {"type": "array"}}},
        ]
    },
)
Post = Callable[..., Callable[[Any], Any]]


def verb_routes(context: Context) -> APIRouter:
    """Return the routes of all verbs."""
    router = APIRouter(prefix="/v1/models/{name}", tags=["verbs"])

    def post(
        verb: str, summary: str, responses: dict[int | str, dict[str, Any]], sent: Any = None
    ) -> Callable[[Any], Any]:
        return router.post(
            f"/{verb}",
            responses=responses,
            openapi_extra=sent,
            response_class=Response,
            summary=summary,
            operation_id=verb,
        )

    for add in (_add_reconstruct, _add_restoration, _add_detect, _add_encode, _add_made):
        add(context, post)
    return router


def _add_reconstruct(context: Context, post: Post) -> None:
    @post("reconstruct", "Encode an image and decode it again.", _IMAGES, body(_ONE, *SENT))
    async def reconstruct(name: Name, request: Request, page: Page = None) -> Response:
        question = Question(
            verb="reconstruct", options=Options(), kinds=_IMAGE_KINDS, default=OWN, page=page
        )
        return await answer_images(context, request, name, question)


def _add_restoration(context: Context, post: Post) -> None:
    @post("denoise", "Remove noise from an image.", _IMAGES, body(_ONE, *SENT))
    async def denoise(
        name: Name,
        request: Request,
        sigma: Sigma = None,
        ensemble: Ensemble = False,
        page: Page = None,
    ) -> Response:
        options = Options(sigma=_level(sigma), ensemble=ensemble)
        question = Question(
            verb="denoise", options=options, kinds=_IMAGE_KINDS, default=OWN, page=page
        )
        return await answer_images(context, request, name, question)

    @post("inpaint", "Fill the holes of an image.", _IMAGES, body(_MASKED, *SENT))
    async def inpaint(
        name: Name,
        request: Request,
        invert: Invert = False,
        alpha: Alpha = False,
        find_damage: FindDamage = False,
        ensemble: Ensemble = False,
        page: Page = None,
    ) -> Response:
        options = Options(invert=invert, alpha=alpha, find_damage=find_damage, ensemble=ensemble)
        question = Question(
            verb="inpaint", options=options, kinds=_IMAGE_KINDS, default=OWN, page=page
        )
        return await answer_images(context, request, name, question)


def _add_detect(context: Context, post: Post) -> None:
    summary = "Detect anomalies: score, p-value, verdict and regions."

    @post("detect", summary, answers(_DETECTION_KINDS), body(_ONE, *SENT))
    async def detect(
        name: Name,
        request: Request,
        rate: Rate = None,
        threshold: Threshold = None,
        heatmap: Heatmap = False,
        overlay: Overlay = False,
        page: Page = None,
    ) -> Response:
        question = Question(
            verb="detect",
            options=Options(rate=rate, threshold=threshold),
            kinds=_DETECTION_KINDS,
            default=JSON,
            page=page,
            heatmap=heatmap,
            overlay=overlay,
        )
        return await answer_images(context, request, name, question)


def _add_encode(context: Context, post: Post) -> None:
    @post("encode", "Return the code of an image.", answers(_CODE_KINDS), body(_ONE, *SENT))
    async def encode(
        name: Name, request: Request, layer: Layer = None, page: Page = None
    ) -> Response:
        options = Options(layer=layer)
        question = Question(
            verb="encode", options=options, kinds=_CODE_KINDS, default=JSON, page=page
        )
        return await answer_images(context, request, name, question)


def _add_made(context: Context, post: Post) -> None:
    """Add the verbs whose images the model makes: ``decode`` and ``sample``."""

    @post("decode", "Turn codes into images.", answers(KINDS), _CODES)
    async def decode(name: Name, request: Request) -> Response:
        served = served_for(context, request, name, "decode")
        async with entered(context) as entry:
            check_query(request)
            data = await entry.body(request)
            media = media_type(request.headers.get("content-type"))
            array = await asyncio.to_thread(codes_of, data, media)

            def work() -> list[Outcome]:
                return decoded(served.model, array)

            return await answer_made(context, request, entry, served, work)

    @post("sample", "Generate new images.", answers(KINDS))
    async def sample(
        name: Name,
        request: Request,
        count: Count = 1,
        density: Density = "prior",
        seed: Seed = 0,
    ) -> Response:
        served = served_for(context, request, name, "sample")
        async with entered(context) as entry:
            check_query(request)

            def work() -> list[Outcome]:
                return sampled(served.model, count, density=density, seed=seed)

            return await answer_made(context, request, entry, served, work)


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

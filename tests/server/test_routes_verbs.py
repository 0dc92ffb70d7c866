"""Images in, results out, over HTTP in this process."""

import base64
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.cli.conftest import waves
from tests.server.conftest import SHAPE, npy

from convae.cli import run
from convae.images.files.reading import read_image
from convae.images.files.writing import encode_image, write_stack
from convae.server.models import Models


def post(client: TestClient, model: str, verb: str, data: bytes = b"", **headers: str) -> Any:
    path, _, query = verb.partition("?")
    kept = {name.replace("_", "-"): value for name, value in headers.items()}
    kept.setdefault("Content-Type", "image/png")
    return client.post(
        f"/v1/models/{model}/{path}{'?' * bool(query)}{query}", content=data, headers=kept
    )


def message(response: Any) -> str:
    text: str = response.json()["error"]["message"]
    return text


def tar(**files: bytes) -> bytes:
    handle = io.BytesIO()
    with tarfile.open(fileobj=handle, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return handle.getvalue()


TAR = {"Content_Type": "application/x-tar"}


@pytest.mark.parametrize(
    ("model", "verb"),
    [("auto", "reconstruct"), ("denoiser", "denoise"), ("inpainter", "inpaint")],
)
def test_the_same_bytes_as_the_command_line(
    client: TestClient,
    folder: Path,
    images: list[bytes],
    tmp_path: Path,
    model: str,
    verb: str,
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for number, data in enumerate(images):
        (source / f"{number}.png").write_bytes(data)
    out = tmp_path / "out"
    assert run([verb, str(folder / f"{model}.convae"), str(source), "--out", str(out), "-q"]) == 0
    for number, data in enumerate(images[:4]):
        response = post(client, model, verb, data)
        assert response.status_code == 200
        assert response.headers["content-type"] == "image/png"
        assert response.content == (out / f"{number}.png").read_bytes()


def test_a_detection_is_that_of_the_detector(
    client: TestClient, models: Models, images: list[bytes]
) -> None:
    detector: Any = models.get("detector").model
    pixels = [read_image(data).pixels[..., 0] for data in images]
    expected = list(detector.iter_detect(np.stack(pixels)))
    for data, found in zip(images, expected, strict=True):
        values = post(client, "detector", "detect", data).json()
        assert values["score"] == found.score
        assert values["p_value"] == found.p_value
        assert values["anomalous"] == found.anomalous
        assert values["regions"] == [region.to_dict() for region in found.regions]
        heat = post(client, "detector", "detect", data, Accept="application/x-npy")
        np.testing.assert_array_equal(npy(heat.content), found.map)


def test_a_code_is_that_of_the_model_and_decodes_to_its_image(
    client: TestClient, models: Models, images: list[bytes]
) -> None:
    model: Any = models.get("auto").model
    pixels = np.stack([read_image(data).pixels[..., 0] for data in images])
    expected = model.transform(pixels)
    found = npy(post(client, "auto", "encode", images[0], Accept="application/x-npy").content)
    np.testing.assert_array_equal(found, expected[0])
    values = post(client, "auto", "encode", images[0]).json()
    np.testing.assert_array_equal(np.float32(values["code"]), expected[0])
    body = json.dumps(values["code"]).encode()
    image = post(
        client, "auto", "decode", body, Content_Type="application/json", Accept="application/x-npy"
    )
    np.testing.assert_array_equal(
        npy(image.content)[0, ..., 0], model.inverse_transform(expected)[0]
    )


def test_another_verb_than_the_models_is_refused(client: TestClient, images: list[bytes]) -> None:
    response = post(client, "denoiser", "detect", images[0])
    assert response.status_code == 422
    assert message(response) == "this model was fitted to denoise: it can denoise, not detect"
    response = post(client, "nobody", "detect", images[0])
    assert response.status_code == 404
    assert "auto, denoiser" in message(response)


def test_what_is_no_image_is_refused_in_a_sentence(client: TestClient, images: list[bytes]) -> None:
    cases = {
        b"": (400, "the body is empty"),
        b"hello world": (422, "not an image: text"),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>": (422, "SVG"),
        images[0][:60]: (422, "truncated"),
    }
    for data, (status, words) in cases.items():
        response = post(client, "denoiser", "denoise", data)
        assert (response.status_code, words in message(response)) == (status, True), message(
            response
        )


def test_a_tar_gives_one_result_for_each_image(client: TestClient, images: list[bytes]) -> None:
    files = {f"{n}.png": data for n, data in enumerate(images)}
    response = post(client, "denoiser", "denoise", tar(**files, **{"bad.png": b"text"}), **TAR)
    assert response.headers["content-type"] == "application/x-tar"
    with tarfile.open(fileobj=io.BytesIO(response.content)) as archive:
        inside = {m.name: archive.extractfile(m).read() for m in archive}  # type: ignore[union-attr]
    for name, data in files.items():
        assert inside[name] == post(client, "denoiser", "denoise", data).content
    results = json.loads(inside["results.json"])["images"]
    assert results[-1] == {"name": "bad.png", "error": "not an image: text"}


def test_several_codes_are_one_array(
    client: TestClient, models: Models, images: list[bytes]
) -> None:
    files = tar(**{f"{n}.png": data for n, data in enumerate(images)})
    found = npy(post(client, "auto", "encode", files, **TAR, Accept="application/x-npy").content)
    model: Any = models.get("auto").model
    pixels = np.stack([read_image(data).pixels[..., 0] for data in images])
    np.testing.assert_array_equal(found, model.transform(pixels))
    bad = post(client, "auto", "encode", tar(a=b"text"), **TAR, Accept="application/x-npy")
    assert bad.status_code == 422
    listed = post(client, "auto", "encode", tar(a=b"text", b=images[0]), **TAR).json()["images"]
    assert listed[0] == {"name": "a", "error": "not an image: text"}
    np.testing.assert_array_equal(np.float32(listed[1]["code"]), found[0])


def test_holes_are_filled_and_known_pixels_stay(client: TestClient, images: list[bytes]) -> None:
    mask = np.zeros((*SHAPE[:2], 1), np.uint8)
    mask[4:8, 3:9] = 255
    files = {"image.png": images[0], "mask.png": encode_image(mask, format="PNG")[0]}
    response = post(client, "inpainter", "inpaint", tar(**files), **TAR)
    assert response.headers["content-type"] == "image/png"
    assert json.loads(response.headers["convae-result"])["missing"] == pytest.approx(24 / 192)
    before, after = (read_image(data).pixels for data in (images[0], response.content))
    np.testing.assert_array_equal(before[mask == 0], after[mask == 0])
    assert (before[mask > 0] != after[mask > 0]).any()
    inverted = post(client, "inpainter", "inpaint?invert=true", tar(**files), **TAR)
    other = read_image(inverted.content).pixels
    np.testing.assert_array_equal(before[mask > 0], other[mask > 0])
    small = encode_image(mask[:5], format="PNG")[0]
    response = post(client, "inpainter", "inpaint", tar(**{**files, "mask.png": small}), **TAR)
    assert "its mask is 5x12" in message(response)
    nothing = post(client, "inpainter", "inpaint", images[0])
    assert "no pixel was missing" in json.loads(nothing.headers["convae-result"])["notes"][0]


def test_answers_are_of_the_accepted_kind(client: TestClient, images: list[bytes]) -> None:
    plain = post(client, "denoiser", "denoise", images[0])
    pixels = read_image(plain.content).pixels
    tiff = post(client, "denoiser", "denoise", images[0], Accept="image/tiff")
    assert tiff.headers["content-type"] == "image/tiff"
    np.testing.assert_array_equal(read_image(tiff.content).pixels, pixels)
    array = post(client, "denoiser", "denoise", images[0], Accept="application/x-npy")
    np.testing.assert_array_equal(npy(array.content), pixels)
    values = post(client, "denoiser", "denoise", images[0], Accept="application/json").json()
    assert base64.b64decode(values["image"]["base64"]) == plain.content
    assert values["shape"] == list(SHAPE)
    none = post(client, "denoiser", "denoise", images[0], Accept="text/html")
    assert none.status_code == 406
    bmp, _ = encode_image(read_image(images[0]).pixels, format="BMP")
    same = post(client, "denoiser", "denoise", bmp, Content_Type="image/bmp")
    assert same.headers["content-type"] == "image/bmp"


def test_pictures_of_a_detection(client: TestClient, images: list[bytes]) -> None:
    values = post(client, "detector", "detect?heatmap=true&overlay=true", images[0]).json()
    heat = read_image(base64.b64decode(values["heatmap"]["base64"])).pixels
    assert heat.dtype == np.float32
    assert heat.shape == (*SHAPE[:2], 1)
    over = post(client, "detector", "detect", images[0], Accept="image/png")
    assert over.content == base64.b64decode(values["overlay"]["base64"])
    assert read_image(over.content).pixels.shape == (*SHAPE[:2], 3)
    assert json.loads(over.headers["convae-result"])["score"] == values["score"]


def test_another_threshold_changes_the_verdict_alone(
    client: TestClient, images: list[bytes]
) -> None:
    usual = post(client, "detector", "detect", images[0]).json()
    strict = post(client, "detector", "detect?threshold=-1000", images[0]).json()
    assert strict["anomalous"] is True
    assert (strict["score"], strict["p_value"]) == (usual["score"], usual["p_value"])
    half = post(client, "detector", "detect?rate=0.5", images[0]).json()
    assert half["threshold"] <= usual["threshold"]
    assert post(client, "detector", "detect", images[0]).json() == usual


def test_samples_are_those_of_the_seed(client: TestClient, models: Models) -> None:
    model: Any = models.get("vae").model
    answer = post(client, "vae", "sample?count=3&seed=5", Accept="application/x-npy")
    found = npy(answer.content)
    np.testing.assert_array_equal(found[..., 0], model.sample(3, random_state=5))
    one = post(client, "vae", "sample?seed=5")
    assert one.headers["content-type"] == "image/png"
    np.testing.assert_array_equal(read_image(one.content).pixels, found[0])
    several = post(client, "vae", "sample?count=2")
    assert several.headers["content-type"] == "application/x-tar"
    assert post(client, "vae", "sample?count=2", Accept="image/png").status_code == 406
    assert post(client, "vae", "sample?from=nowhere").status_code == 422
    assert post(client, "auto", "sample").status_code == 422


def test_files_of_several_pictures_need_a_page(client: TestClient, tmp_path: Path) -> None:
    stack = waves(3, SHAPE, seed=2)
    path = write_stack(tmp_path / "s.tif", stack)
    data = path.read_bytes()
    response = post(client, "denoiser", "denoise", data)
    assert message(response) == "image: its file holds 3 pictures: choose one with page=0 to page=2"
    for page in range(3):
        found = post(client, "denoiser", f"denoise?page={page}", data).content
        alone = post(
            client, "denoiser", "denoise", encode_image(stack[page], format="PNG")[0]
        ).content
        np.testing.assert_array_equal(read_image(found).pixels, read_image(alone).pixels)
    assert "no page 3" in message(post(client, "denoiser", "denoise?page=3", data))


def test_codes_of_the_wrong_shape_are_refused(client: TestClient) -> None:
    for codes in ([1, 2], [[1]], [[[1, 2, 3]]]):
        body = json.dumps(codes).encode()
        response = post(client, "auto", "decode", body, Content_Type="application/json")
        assert response.status_code == 422, codes
        assert "codes must be 3 numbers each" in message(response)
    response = post(client, "auto", "decode", b"[1, 2, 1e999]", Content_Type="application/json")
    assert "finite" in message(response)

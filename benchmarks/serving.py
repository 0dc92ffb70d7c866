"""``convae serve`` under load and under attack, and ``convae watch`` killed in the middle of its work."""

import asyncio
import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import convae
from convae.images.files.writing import write_image
from record import Section, note

CLIENTS, SECONDS = 200, 12.0
FILES, KILLS = 2000, 4
VERBS = {"denoiser": "denoise", "detector": "detect"}


def serving() -> None:
    """200 clients at a time, each of which checks its answers by the command line; then hostile ones."""
    section = Section(
        "serving",
        f"convae serve: {CLIENTS} clients at a time for {SECONDS:.0f} s, each with its own image",
        (
            "clients", "verb", "queue", "answered", "per second", "told to come again", "lost", "wrong",
            "p50 ms", "p95 ms", "p99 ms", "most memory MiB",
        ),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = _images(folder)
        for model, verb in VERBS.items():
            expected = _by_hand(folder, model, verb, images)
            for queue in (64, 256):
                with _server(folder / f"{model}.convae", queue) as server:
                    load = asyncio.run(
                        _load(server, f"/v1/models/{model}/{verb}", images, expected)
                    )
                    section.row(
                        CLIENTS,
                        verb,
                        queue,
                        *load.row(SECONDS),
                        round(server.most_memory() / 2**20),
                    )
        expected = _by_hand(folder, "denoiser", "denoise", images)
        with _server(folder / "denoiser.convae", 64, "--timeout", "3", "--max-body", "1") as server:
            before = server.most_memory()
            load = asyncio.run(_attacked(server, images, expected))
            section.row(
                f"{HOSTILE} hostile, 8 good", "denoise", 64, *load.row(SECONDS),
                round(server.most_memory() / 2**20),
            )  # fmt: skip
            section.remarks.append(
                f"Hostile requests, {load.hostile:,} in all: uploads that stop in the middle, a byte a "
                "second, connections without a request, bodies of 1 GB (declared, and in chunks), images "
                "that declare 400 megapixels, tars that lie, text. The memory of the server rose by "
                f"{(server.most_memory() - before) / 2**20:.0f} MiB; its log held {server.traces()} "
                f"traces; it stopped on SIGTERM with exit code {server.stop()}."
            )
    section.remarks.append(
        "*Wrong* are answers that differ in any byte from the file that the command line writes for the same "
        "image (of detections: score, p-value and verdict). *Lost* are requests without an answer. Clients "
        "that are told to come again (503) do so after the time that Retry-After names. Server and clients "
        "share the processors."
    )
    section.write()


def watching() -> None:
    """2,000 files, and a watch that is killed in the middle, several times."""
    section = Section(
        "watching",
        f"convae watch: {FILES:,} files, killed {KILLS} times with SIGKILL and started again",
        (
            "verb",
            "files",
            "kills",
            "results",
            "twice",
            "missing",
            "other than by hand",
            "torn files",
            "wall s",
        ),
    )  # fmt: skip
    for model, verb in VERBS.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            _images(folder)
            section.row(verb, FILES, KILLS, *_watched(folder, model, verb))
    section.remarks.append(
        "*Twice* and *missing* are counted in the journal; results are compared byte by byte with those of "
        "the verb. A third of the files arrive while the watch runs. Kills come after a random number of "
        "results."
    )
    section.write()


def _images(folder: Path) -> dict[str, bytes]:
    """Digits as PNG files in ``folder/images``, with models of them next to it."""
    digits = np.stack([convae.open_source("digits").read(i).pixels for i in range(CLIENTS)])
    rng = np.random.default_rng(0)
    noisy = np.clip(digits.astype(float) + rng.normal(0, 20, digits.shape), 0, 255).astype(np.uint8)
    for number, image in enumerate(noisy):
        write_image(folder / "images" / f"{number:04d}.png", image)
    if not (folder / "denoiser.convae").exists():
        note("fitting a denoiser and a detector of digits")
        convae.Denoiser(epochs=2).fit(noisy, verbose=False).save(folder / "denoiser.convae")
        convae.AnomalyDetector(epochs=2).fit(noisy, verbose=False).save(folder / "detector.convae")
    return {path.name: path.read_bytes() for path in sorted((folder / "images").iterdir())}


def _convae(*words: object) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "convae", *map(str, words)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


Expected = dict[str, object]


def _by_hand(folder: Path, model: str, verb: str, images: dict[str, bytes]) -> Expected:
    """What the command line gives for each image."""
    out = folder / f"by_hand_{verb}"
    if not out.exists():
        _convae(verb, folder / f"{model}.convae", folder / "images", "--out", out, "--quiet")
    if verb == "detect":
        found = json.loads((out / "regions.json").read_text())["images"]
        return {one["name"]: _verdict(one) for one in found}
    return {name: (out / name).read_bytes() for name in images}


def _verdict(values: dict[str, object]) -> object:
    return [values[name] for name in ("score", "p_value", "anomalous", "regions")]


@dataclass
class _Server:
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def most_memory(self) -> int:
        """The most memory so far, in bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
        return 0

    def traces(self) -> int:
        text = self.log.read_text()
        return text.count("Traceback") + text.count('"trace"')

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextlib.contextmanager
def _server(model: Path, queue: int, *more: str) -> Iterator[_Server]:
    _allow_files()
    log = model.with_suffix(".log")
    words = ["serve", str(model), "--port", "0", "--json", "--queue", str(queue), *more]
    with log.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "convae", *words], stdout=subprocess.PIPE, stderr=err
        )
    assert process.stdout is not None
    address = json.loads(process.stdout.readline())["address"]
    try:
        yield _Server(process, int(address.rsplit(":", 1)[1].strip("/")), log)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


def _allow_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))


@dataclass
class _Load:
    seconds: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    hostile: int = 0

    def row(self, wall: float) -> list[object]:
        shown = np.percentile(self.seconds, [50, 95, 99]) * 1000 if self.seconds else [0, 0, 0]
        counts = [self.counts[name] for name in ("busy", "lost", "wrong")]
        answered = len(self.seconds)
        return [answered, round(answered / wall, 1), *counts, *(round(float(one)) for one in shown)]


async def _load(server: _Server, path: str, images: dict[str, bytes], expected: Expected) -> _Load:
    load, end = _Load(), time.monotonic() + SECONDS
    names = sorted(images)
    await asyncio.gather(
        *(
            _client(server, path, name, images[name], expected[name], load, end)
            for name in names[:CLIENTS]
        )
    )
    return load


async def _client(
    server: _Server, path: str, name: str, data: bytes, expected: object, load: _Load, end: float
) -> None:
    """Ask again and again, and compare every answer."""
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            status, headers, body = await _ask(server, path, data)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            load.counts["lost"] += 1
            continue
        if status == 503:
            load.counts["busy"] += 1
            await asyncio.sleep(float(headers.get("retry-after", "1")) * random.uniform(0.5, 1.5))
            continue
        load.seconds.append(time.monotonic() - began)
        same = status == 200 and (
            body == expected
            if isinstance(expected, bytes)
            else _verdict(json.loads(body)) == expected
        )
        if not same:
            load.counts["wrong"] += 1
            note(f"wrong: {name} {status} {body[:200]!r}")


async def _ask(server: _Server, path: str, data: bytes) -> tuple[int, dict[str, str], bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: image/png\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        writer.write(head.encode() + data)
        await writer.drain()
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        body = await reader.readexactly(int(headers["content-length"]))
        return int(lines[0].split()[1]), headers, body
    finally:
        writer.close()


HOSTILE = 60
PATH = "/v1/models/denoiser/denoise"


async def _attacked(server: _Server, images: dict[str, bytes], expected: Expected) -> _Load:
    load, end = _Load(), time.monotonic() + SECONDS
    names = sorted(images)[:8]
    good = [_client(server, PATH, n, images[n], expected[n], load, end) for n in names]
    bad = [_hostile(server, number, images[names[0]], load, end) for number in range(HOSTILE)]
    await asyncio.gather(*good, *bad)
    return load


async def _hostile(server: _Server, number: int, image: bytes, load: _Load, end: float) -> None:
    ways = (_halves, _drips, _silence, _floods, _declares, _bombs, _lies, _nonsense)
    while time.monotonic() < end:
        load.hostile += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            try:
                async with asyncio.timeout(max(0.1, end - time.monotonic())):
                    await ways[number % len(ways)](reader, writer, image)
            finally:
                writer.close()
        await asyncio.sleep(0.05)


def _head(*lines: str, path: str = PATH) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


async def _halves(reader: Reader, writer: Writer, image: bytes) -> None:
    writer.write(_head(f"Content-Length: {len(image)}") + image[: len(image) // 2])
    await writer.drain()


async def _drips(reader: Reader, writer: Writer, image: bytes) -> None:
    writer.write(_head(f"Content-Length: {len(image)}"))
    for byte in image:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1)


async def _silence(reader: Reader, writer: Writer, image: bytes) -> None:
    writer.write(b"POST /v1")
    await writer.drain()
    await reader.read()


async def _floods(reader: Reader, writer: Writer, image: bytes) -> None:
    writer.write(_head("Transfer-Encoding: chunked"))
    for _ in range(1000):
        writer.write(b"100000\r\n" + bytes(2**20) + b"\r\n")
        await writer.drain()


async def _declares(reader: Reader, writer: Writer, image: bytes) -> None:
    writer.write(_head("Content-Length: 1000000000"))
    await writer.drain()
    await reader.read()


async def _bombs(reader: Reader, writer: Writer, image: bytes) -> None:
    bomb = image[:16] + (20_000).to_bytes(4, "big") * 2 + image[24:]
    writer.write(_head(f"Content-Length: {len(bomb)}") + bomb)
    await writer.drain()
    await reader.read(100)


async def _lies(reader: Reader, writer: Writer, image: bytes) -> None:
    tar = bytearray(1024)
    tar[:5], tar[124:135], tar[257:263] = b"a.png", b"77777777777", b"ustar\0"
    tar[148:156] = b"        "
    tar[148:156] = f"{sum(tar[:512]):06o}\0 ".encode()
    writer.write(
        _head(f"Content-Length: {len(tar)}", "Content-Type: application/x-tar") + bytes(tar)
    )
    await writer.drain()
    await reader.read(100)


async def _nonsense(reader: Reader, writer: Writer, image: bytes) -> None:
    data = os.urandom(random.randrange(1, 5000))
    writer.write(_head(f"Content-Length: {len(data)}") + data)
    await writer.drain()
    await reader.read(100)


def _watched(folder: Path, model: str, verb: str) -> list[object]:
    """Files that were written twice, are missing, or differ; and how long all took."""
    began = time.perf_counter()
    kept = sorted((folder / "images").iterdir())
    incoming, out = folder / "incoming", folder / "out"
    incoming.mkdir()
    data = [path.read_bytes() for path in kept]

    def add(numbers: range) -> None:
        for number in numbers:
            (incoming / f"{number:05d}.png").write_bytes(data[number % len(data)])

    add(range(FILES * 2 // 3))
    words = [
        "watch", str(folder / f"{model}.convae"), str(incoming), "--out", str(out), "--settle", "0.3",
        "--interval", "0.2",
    ]  # fmt: skip
    rng, arrived = random.Random(0), FILES * 2 // 3
    for kill in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-m", "convae", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        for _ in range(rng.randrange(1, FILES // KILLS)):
            if not process.stdout.readline():
                break
        more = (FILES - FILES * 2 // 3) // KILLS + 1
        add(range(arrived, min(FILES, arrived + more)))
        arrived = min(FILES, arrived + more)
        process.kill()
        process.wait()
        note(f"  kill {kill + 1}")
    add(range(arrived, FILES))
    _convae(*words, "--until-idle", "3", "--quiet")
    entries = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    done = Counter(one["name"] for one in entries if one["event"] == "done")
    _convae(verb, folder / f"{model}.convae", incoming, "--out", folder / "by_hand", "--quiet")
    results = {path.relative_to(out) for path in out.rglob("*") if path.suffix in (".png", ".tif")}
    other = 0
    for path in results:
        by_hand = folder / "by_hand" / path
        if path.parts[0] == "heatmaps":
            by_hand = by_hand.with_name(path.name.replace(".png.tif", ".tif"))
        other += not by_hand.exists() or by_hand.read_bytes() != (out / path).read_bytes()
    torn = sum(1 for _ in out.rglob(".convae-*.tmp"))
    twice = sum(count - 1 for count in done.values())
    return [len(done), twice, FILES - len(done), other, torn, round(time.perf_counter() - began)]

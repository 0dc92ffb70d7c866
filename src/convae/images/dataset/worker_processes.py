"""Decode files in worker processes: Python's lock lets threads decode small files only one at a time.

A worker is a fresh interpreter that imports only decoders (a third of a second) and communicates over its
standard streams: lines of JSON, and raw pixels. It does not fork, which threads and accelerators do not
survive; it does not run the caller's program again, as ``multiprocessing`` would; it does not use pickles:
its answers are data and not code.
"""

import contextlib
import io
import json
import os
import queue
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import Any, BinaryIO, Self, cast

import numpy as np

from convae.errors import ImageError
from convae.images.files.image import Answer, Header, Image, ImageInfo, ReadLimits, Request
from convae.images.files.metadata import Description, Opacity, Resolution, Tags, TiffTag
from convae.images.files.reading import answer

if sys.platform == "linux":
    import fcntl

PIPE_BYTES = 2**20  # the size that Linux grants every user
_PROGRAM = """
import json, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks
sys.path[:] = json.loads(sys.stdin.buffer.readline())
from convae.images.dataset.worker_processes import serve
serve()
"""
# Decoders use one thread; NumPy would start one per core, only to wait.
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
_GONE = (OSError, EOFError, ValueError)


class Worker:
    """One process that answers requests.

    Raises:
        OSError: if no process can be started.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_ONE_THREAD},
        )
        self._there = cast(io.BufferedWriter, self._process.stdin)
        self._back = cast(io.BufferedReader, self._process.stdout)
        _widen(self._back)
        with contextlib.suppress(OSError):  # noticed at the next request if it has ended
            _send([place for place in sys.path if isinstance(place, str)], self._there)

    def answers(self, requests: Sequence[Request]) -> list[Answer]:
        """Return what :func:`~convae.images.files.reading.answer` returns for each.

        Raises:
            OSError, EOFError, ValueError: if the process is gone.
        """
        _send(list(requests), self._there)
        line = self._back.readline()
        if not line:
            raise EOFError
        return [self._whole(one) for one in decode_line(line)]

    def _whole(self, received: Any) -> Answer:
        if isinstance(received, ImageError):
            return received
        header, rest = received
        if rest is None:
            return header, None
        info, reduced, arrays = rest
        pixels, stored, holes = (self._array(array) for array in arrays)
        assert pixels is not None
        return header, Image(pixels, info, reduced, stored, holes)

    def _array(self, shape_and_dtype: Any) -> np.ndarray | None:
        if shape_and_dtype is None:
            return None
        array = np.empty(*shape_and_dtype)
        if self._back.readinto(_bytes(array)) != array.nbytes:
            raise EOFError
        return array

    def close(self) -> None:
        """End the process at once: it has nothing to save."""
        self._process.kill()
        for stream in (self._there, self._back):
            with contextlib.suppress(OSError):  # it had ended already
                stream.close()
        self._process.wait()


class Workers:
    """Several processes; each request goes to one that is free.

    A process that ends by itself (a decoder crashed, memory ran out) is not replaced: its requests, and its
    later share of them, are answered in this process.

    Raises:
        OSError: if they cannot be started.
    """

    def __init__(self, count: int) -> None:
        self._all: list[Worker] = []
        self._free: queue.SimpleQueue[Worker | None] = queue.SimpleQueue()
        try:
            for _ in range(count):
                self._all.append(Worker())
                self._free.put(self._all[-1])
        except OSError:
            self.__exit__()
            raise

    def answers(self, requests: Sequence[Request]) -> list[Answer]:
        """Return what :func:`~convae.images.files.reading.answer` returns for each; thread-safe."""
        worker = self._free.get()
        try:
            if worker is not None:
                return worker.answers(requests)
        except _GONE:
            worker = None
        finally:
            self._free.put(worker)
        return [answer(request) for request in requests]

    def __len__(self) -> int:
        return len(self._all)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._all:
            worker.close()


def possible() -> bool:
    """Return whether an interpreter can be started: not in a single-file or embedded program."""
    name = os.path.basename(sys.executable or "").lower()
    return name.startswith(("python", "pypy")) and not getattr(sys, "frozen", False)


def serve() -> None:
    """Run the worker: requests on standard input, answers on standard output, until the input ends."""
    with os.fdopen(os.dup(1), "wb") as back:
        os.dup2(2, 1)  # output of a decoder must not mix with the answers
        for line in sys.stdin.buffer:
            try:
                _answer([answer(request) for request in decode_line(line)], back)
            except BrokenPipeError:
                os._exit(0)  # nobody reads the answers any more


def _answer(answers: Sequence[Answer], back: BinaryIO) -> None:
    """Return answers without their arrays, then the arrays."""
    images = [one[1] for one in answers if isinstance(one, tuple) and one[1] is not None]
    _send([one if isinstance(one, ImageError) else _without(*one) for one in answers], back)
    for image in images:
        for array in _arrays(image):
            if array is not None:
                back.write(_bytes(np.ascontiguousarray(array)))
    back.flush()


def _without(header: Header | None, image: Image | None) -> tuple[object, object]:
    if image is None:
        return header, None
    arrays = [None if a is None else (a.shape, a.dtype.str) for a in _arrays(image)]
    return header, (image.info, image.reduced, arrays)


def _arrays(image: Image) -> tuple[np.ndarray | None, ...]:
    return image.pixels, image.stored, image.holes


def _bytes(pixels: np.ndarray) -> memoryview:
    return pixels.reshape(-1).view(np.uint8).data


def _widen(pipe: io.BufferedReader) -> None:
    """Let a pipe hold several images, so that a process need not wait until each is read."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # the system does not grant as much
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _send(what: object, there: BinaryIO) -> None:
    there.write(line_of(what))
    there.flush()


_SENT: tuple[type[Any], ...] = (
    Request,
    ReadLimits,
    Header,
    ImageInfo,
    Resolution,
    Description,
    Opacity,
    Tags,
    TiffTag,
)
_FIELDS = {kind.__name__: [field.name for field in fields(kind)] for kind in _SENT}


def line_of(what: object) -> bytes:
    """Encode a message as one line of JSON; tuples become lists.

    >>> line_of([1, Fraction(2, 3)])
    b'[1, {"Fraction": [2, 3]}]\\n'
    """
    return json.dumps(what, default=_plain).encode() + b"\n"


def decode_line(line: bytes) -> Any:
    """Decode a line of :func:`line_of`."""
    return json.loads(line, object_hook=_back)


def _plain(value: object) -> dict[str, object]:
    """Encode one item: the name of its type and the values to rebuild it."""
    name = type(value).__name__
    if isinstance(value, Fraction):
        return {name: [value.numerator, value.denominator]}
    if isinstance(value, bytes):
        return {name: value.hex()}
    if isinstance(value, ImageError):
        return {name: [value.name, value.reason]}
    assert is_dataclass(value)
    return {name: [getattr(value, field) for field in _FIELDS[name]]}


def _back(item: dict[str, Any]) -> object:
    ((name, values),) = item.items()
    return _MAKERS[name](values)


def _maker(kind: type[Any]) -> Callable[[list[Any]], object]:
    names = _FIELDS[kind.__name__]

    def make(values: list[Any]) -> object:
        return kind(**dict(zip(names, map(_tuples, values), strict=True)))

    return make


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


_MAKERS: dict[str, Callable[[Any], object]] = {
    **{kind.__name__: _maker(kind) for kind in _SENT},
    "Fraction": lambda values: Fraction(*values),
    "bytes": bytes.fromhex,
    "ImageError": lambda values: ImageError(*values),
}

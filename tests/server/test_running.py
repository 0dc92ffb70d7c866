"""A real server process: sockets, stalls, signals."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


class Process:
    """``convae serve`` on a free port."""

    def __init__(self, *arguments: str, log: Path) -> None:
        self.log = log
        with log.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "convae", "serve", *arguments, "--port", "0", "--json"],
                stdout=subprocess.PIPE,
                stderr=err,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert first, log.read_text()
        self.address = json.loads(first)["address"]
        self.port = int(self.address.rsplit(":", 1)[1].strip("/"))

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def ask(self, path: str, data: bytes | None = None, *more: str) -> tuple[int, bytes]:
        """Status and body of one request."""
        with self.connect() as connection:
            connection.sendall(
                head(path, None if data is None else len(data), *more) + (data or b"")
            )
            return read(connection)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.close()

    def close(self) -> int:
        """Wait for the end."""
        assert self.process.stdout is not None
        code = self.process.wait(60)
        self.process.stdout.close()
        return code


def head(path: str, length: int | None, *more: str) -> bytes:
    method = "GET" if length is None else "POST"
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *more]
    if length is not None:
        lines += [f"Content-Length: {length}", "Content-Type: image/png"]
    return "\r\n".join([*lines, "", ""]).encode()


def read(connection: socket.socket) -> tuple[int, bytes]:
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65_536):
            parts.append(part)
    start, _, body = b"".join(parts).partition(b"\r\n\r\n")
    return int(start.split()[1]) if start else 0, body


def wait_for(what: Any, seconds: float = 60) -> Any:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


@pytest.fixture
def process(folder: Path, tmp_path: Path) -> Iterator[Process]:
    made = Process(
        str(folder / "denoiser.convae"), "--timeout", "2", "--max-body", "1", log=tmp_path / "log"
    )
    yield made
    if made.process.poll() is None:
        made.process.kill()
    made.close()


DENOISE = "/v1/models/denoiser/denoise"


def test_a_stalled_upload_ends_and_others_are_answered(
    process: Process, images: list[bytes]
) -> None:
    with process.connect() as stalled:
        stalled.sendall(head(DENOISE, 1000) + images[0][:50])
        assert process.ask(DENOISE, images[0])[0] == 200
        status, body = read(stalled)
    assert status == 408
    assert "did not arrive within 2 seconds" in json.loads(body)["error"]["message"]


def test_bodies_that_are_too_large_are_refused_early(process: Process) -> None:
    with process.connect() as large:
        large.sendall(head(DENOISE, 2**40))
        assert read(large)[0] == 413
    with process.connect() as chunked:
        lines = head(DENOISE, None, "Transfer-Encoding: chunked").replace(b"GET", b"POST")
        chunked.sendall(lines)
        with contextlib.suppress(OSError):
            for _ in range(20):
                chunked.sendall(b"20000\r\n" + b"x" * 0x20000 + b"\r\n")
        assert read(chunked)[0] == 413
    for length in ("-1", "1e3", "99999999999999999999999"):
        with process.connect() as odd:
            odd.sendall(
                head(DENOISE, 1).replace(
                    b"Content-Length: 1", b"Content-Length: " + length.encode()
                )
            )
            assert read(odd)[0] in (400, 413)
    assert process.ask("/healthz")[0] == 200


def test_clients_that_go_away_leave_no_trace(process: Process, images: list[bytes]) -> None:
    for cut in (0, 20, len(images[0])):
        with process.connect() as going:
            going.sendall(head(DENOISE, len(images[0])) + images[0][:cut])
    assert process.ask(DENOISE, images[0])[0] == 200

    def counted() -> bool:
        text = process.ask("/metrics")[1].decode()
        return "\nconvae_requests_active 0" in text and "\nconvae_held_bytes 0" in text

    wait_for(counted)
    assert process.end() == 0
    assert "Traceback" not in process.log.read_text()
    assert not any("trace" in line for line in process.lines())


def test_sigterm_answers_what_is_at_hand_and_ends_with_0(
    process: Process, images: list[bytes]
) -> None:
    found: list[int] = []
    asking = [
        threading.Thread(target=lambda: found.append(process.ask(DENOISE, images[0])[0]))
        for _ in range(8)
    ]
    for thread in asking:
        thread.start()
    wait_for(lambda: found)
    assert process.end() == 0
    for thread in asking:
        thread.join()
    assert set(found) <= {200, 0}  # 0: the connection came after the signal
    events = [line["event"] for line in process.lines()]
    assert events[0] == "started"
    assert events[-1] == "stopped"
    assert [line["status"] for line in process.lines() if line.get("verb")].count(
        200
    ) >= found.count(200)


def test_a_stalled_upload_does_not_hold_up_the_end(process: Process) -> None:
    with process.connect() as stalled:
        stalled.sendall(head(DENOISE, 1000) + b"x")
        wait_for(lambda: b"convae_requests_active 1" in process.ask("/metrics")[1])
        assert process.end(signal.SIGINT) == 0
    assert "Traceback" not in process.log.read_text()


def test_a_changed_model_file_is_loaded(folder: Path, tmp_path: Path, images: list[bytes]) -> None:
    path = tmp_path / "m.convae"
    path.write_bytes((folder / "auto.convae").read_bytes())
    process = Process(str(path), log=tmp_path / "log")
    try:
        assert json.loads(process.ask("/v1/models/m")[1])["kind"] == "ConvAutoencoder"
        new = tmp_path / "new"
        new.write_bytes((folder / "denoiser.convae").read_bytes())
        new.replace(path)
        wait_for(lambda: json.loads(process.ask("/v1/models/m")[1])["kind"] == "Denoiser")
        assert process.ask("/v1/models/m/denoise", images[0])[0] == 200
    finally:
        assert process.end() == 0

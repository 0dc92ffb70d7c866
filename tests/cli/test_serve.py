"""``convae serve``: what is refused before anything is loaded."""

import importlib.util
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Command

pytest.importorskip("fastapi", reason="the extra 'web' is not installed")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--host", "0.0.0.0"],
            "--host 0.0.0.0 can be reached from other machines: give a --token",
        ),
        (["--host", "0.0.0.0", "--token", "short"], "--token must be 8 or more"),
        (
            ["--max-body", "64", "--max-memory", "10"],
            "--max-memory 10 must be at least --max-body 64",
        ),
        (["--port", "70000"], "70000"),
        (["--queue", "0"], "0"),
    ],
)
def test_wrong_options_are_one_sentence(
    convae: Command, model: Path, options: list[str], words: str
) -> None:
    done = convae("serve", model, *options)
    assert done.code == 2
    assert words in done.err
    assert len(done.err.splitlines()) == 1


def test_what_is_no_model_is_refused(convae: Command, tmp_path: Path) -> None:
    (tmp_path / "x.convae").write_bytes(b"no model")
    done = convae("serve", tmp_path / "x.convae")
    assert done.code == 2
    assert "x.convae" in done.err
    assert convae("serve").code == 2


def test_a_port_in_use_is_told(convae: Command, model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = convae("serve", model, "--port", port)
    assert done.code == 2
    assert f"--port {port}: cannot be listened on" in done.err


def test_a_missing_extra_is_one_line(
    convae: Command, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find: Any = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "fastapi" else find(name, *rest),
    )
    done = convae("serve", model)
    assert done.code == 2
    assert (
        done.err
        == "convae: convae serve needs the packages fastapi and uvicorn: pip install fastapi uvicorn\n"
    )

"""The parent's side of a race: contenders as living processes that take turns."""

import json
import os
import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

BENCHMARKS = Path(__file__).resolve().parent.parent
WORK = BENCHMARKS / ".work" / "speed"
PATIENCE = 7200.0  # seconds; a fit of a million images takes a while
REST = 0.3  # seconds before a portion: threads of the one before wait busily for a while

Facts = dict[str, Any]


class ContenderError(Exception):
    """A contender cannot run, or no longer: the text says why."""


class Worker:
    """A contender in a process of its own (see ``contenders.serving``).

    Args:
        command: how it is started.
        name: of the file of what it says on standard error.
        threads: how many it may use, at most.
        path: PYTHONPATH, or None for nothing.

    Raises:
        ContenderError: if it does not start.
    """

    def __init__(
        self, command: Sequence[str], name: str, threads: int, path: str | None = None
    ) -> None:
        WORK.mkdir(parents=True, exist_ok=True)
        self._errors = WORK / f"{name}.err"
        self.began = time.perf_counter()
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment(threads, path),
                bufsize=0,
            )

    def answer(self) -> Facts:
        """The next thing it says, and ``elapsed``, the seconds since it was started.

        Raises:
            ContenderError: if it ends or stays silent instead.
        """
        ready, _, _ = select.select([self._pipe(self._process.stdout)], [], [], PATIENCE)
        line = self._pipe(self._process.stdout).readline() if ready else b""
        elapsed = time.perf_counter() - self.began
        if not line:
            ended = self._process.poll() is not None or bool(ready)
            self.end()
            raise ContenderError(
                self._last_words() if ended else f"no answer in {PATIENCE:.0f} seconds"
            )
        facts: Facts = json.loads(line)
        return {**facts, "elapsed": elapsed}

    def ask(self, what: str, **details: Any) -> Facts:
        """Ask for something and wait for the answer."""
        request = json.dumps({"do": what, **details}) + "\n"
        try:
            self._pipe(self._process.stdin).write(request.encode())
        except BrokenPipeError as error:
            raise ContenderError(self._last_words()) from error
        return self.answer()

    def run(self, amount: int) -> float:
        """The seconds that so many units of work take."""
        time.sleep(REST)
        return float(self.ask("run", amount=amount)["seconds"])

    def end(self) -> None:
        """End it."""
        self._pipe(self._process.stdin).close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pipe(self._process.stdout).close()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe

    def _last_words(self) -> str:
        lines = self._errors.read_text(errors="replace").strip().splitlines()
        told = [line.strip() for line in lines if line.strip()]
        return told[-1][:200] if told else f"it ended with exit code {self._process.returncode}"


def environment(threads: int, path: str | None) -> dict[str, str]:
    """The same number of threads for every library, and nothing of ours for the others."""
    given = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    own = {name: str(threads) for name in names}
    own |= {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""}
    return given | own | ({} if path is None else {"PYTHONPATH": path})

"""The complete state of a training run in a folder, so that a killed run continues exactly where it was.

A checkpoint is one file ``state-STEP-X.safetensors`` and then, last, ``manifest.json`` that names it. A run
that is killed at any moment leaves either the old manifest with the old state or the new manifest with the
new state. X is random, so that a second save at one step (the last of an epoch) does not replace the file
that the manifest names.
"""

import contextlib
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from convae.errors import InputError, ModelFileError, brief, damage
from convae.filesystem.atomic import atomic_write, remove_leftovers
from convae.storage.sealed_safetensors import read_tensors, write_tensors

FORMAT = 1
MANIFEST = "manifest.json"
PART = "part-"
FIRST = 5.0  # seconds of training before the first save, so that a kill in the first minute costs little


class CheckpointFolder:
    """A folder that holds the newest checkpoint of one run.

    Args:
        path: the folder; created on the first save.
        every: seconds between saves during training; 0 saves after every step. The first save comes after
            only 5 seconds.
    """

    def __init__(self, path: str | Path, *, every: float = 60.0) -> None:
        self.path = Path(path)
        if not every >= 0:
            raise InputError(f"every must be a number of seconds, 0 or more; got {every!r}")
        self.every = every

    def due(self, since: float, *, first: bool) -> bool:
        """Return whether to save, ``since`` seconds after the last save (after the start, if ``first``)."""
        return since >= (min(FIRST, self.every) if first else self.every)

    def exists(self) -> bool:
        """Return whether there is anything to resume from, here or in a part."""
        return self.has_state() or any(part.has_state() for part in self._parts())

    def has_state(self) -> bool:
        """Return whether there is a state in this folder."""
        return (self.path / MANIFEST).is_file()

    def part(self, name: str) -> "CheckpointFolder":
        """Return the subfolder for one of several runs that make up this one."""
        return CheckpointFolder(self.path / f"{PART}{name}", every=self.every)

    def _parts(self) -> list["CheckpointFolder"]:
        return [CheckpointFolder(path) for path in sorted(self.path.glob(f"{PART}*"))]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder, so that two runs cannot write into it at once.

        The operating system holds the lock and releases it when the process ends, however it ends. A folder
        in which nothing was saved is removed at the end.

        Raises:
            InputError: another run holds the lock.
        """
        self._make()
        with (self.path / "lock").open("a") as file:
            try:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except ImportError:
                pass  # no locks on this system: the user must avoid two runs in one folder
            except OSError as error:
                raise InputError(f"{self.path}: another run is training into it") from error
            remove_leftovers(self.path, locked=True)
            try:
                yield
            finally:
                if not self.exists():  # an error came before the first save
                    self.remove()

    def save(self, tensors: dict[str, Tensor], facts: dict[str, Any], step: int) -> None:
        """Write a checkpoint; the previous one is removed once the new one is valid."""
        self._make()
        name = f"state-{step}-{secrets.token_hex(4)}.safetensors"
        digest = write_tensors(self.path / name, tensors, {"format": FORMAT, "facts": facts})
        manifest = {"format": FORMAT, "file": name, "sha256": digest, "step": step}
        with atomic_write(self.path / MANIFEST) as file:
            file.write(json.dumps(manifest).encode())
        for old in self.path.glob("state-*.safetensors"):
            if old.name != name:
                old.unlink(missing_ok=True)

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the tensors and facts of the newest checkpoint.

        Raises:
            ModelFileError: there is none, or it is damaged.
        """
        if not self.has_state():
            raise ModelFileError(f"{self.path}: there is no checkpoint to resume from")
        with damage(self.path / MANIFEST, "the manifest of a checkpoint", ModelFileError):
            manifest = json.loads((self.path / MANIFEST).read_bytes())
            file, digest, version = (str(manifest[k]) for k in ("file", "sha256", "format"))
        if version != str(FORMAT):
            raise ModelFileError(
                f"{self.path}: written by another version of convae (format {brief(version, 40)})"
            )
        path = self.path / brief(Path(file).name)  # no directory part: files elsewhere are not read
        tensors, description = read_tensors(path, lambda _: None)
        if description.get("sha256") != digest or not isinstance(description.get("facts"), dict):
            raise ModelFileError(f"{path}: not the file that the manifest names")
        return tensors, description["facts"]

    def remove(self) -> None:
        """Remove the checkpoint, its parts and its folder, but no files of others."""
        for part in self._parts():
            part.remove()
        for path in (
            self.path / MANIFEST,
            *self.path.glob("state-*.safetensors"),
            self.path / "lock",
        ):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def _make(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be made: {error.strerror}") from error

"""Folders of files to batches of float32 images in [0, 1], read by a DataLoader and Pillow.

A unit of work is one pass over the folder. A job's ``variant`` is ``loader``, as everyone writes it;
``draft``, in which Pillow decodes JPEG files at the smallest scale that is not below the size wanted; or
``decoder``: Pillow alone, which decodes every file in as many threads and throws it away.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from contenders.serving import Gate

Job = dict[str, Any]


class Files(Dataset[Tensor]):
    """RGB images of one size."""

    def __init__(self, folder: str, size: int, *, draft: bool = False) -> None:
        self.paths = sorted(Path(folder).iterdir())
        self.size, self.draft = size, draft

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        """(3, size, size) float32 in [0, 1]."""
        with Image.open(self.paths[index]) as file:
            if self.draft:
                file.draft("RGB", (self.size, self.size))
            image = file.convert("RGB")
        if image.size != (self.size, self.size):
            image = image.resize((self.size, self.size), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def epochs(job: Job, gate: Gate) -> None:
    """The first pass and any other cost the same: all is decoded anew."""
    one_pass = _decoder(job) if job["variant"] == "decoder" else _loader(job)

    def work(amount: int) -> None:
        for _ in range(amount):
            one_pass()

    gate.serve(work)


first = second = epochs


def _loader(job: Job) -> Callable[[], None]:
    files = Files(job["folder"], job["size"], draft=job["variant"] == "draft")
    loader = DataLoader(files, job["batch"], shuffle=True, num_workers=job["threads"])

    def one_pass() -> None:
        for batch in loader:
            assert batch.dtype == torch.float32

    return one_pass


def _decoder(job: Job) -> Callable[[], None]:
    paths = sorted(Path(job["folder"]).iterdir())

    def decode(path: Path) -> None:
        with Image.open(path) as file:
            file.load()

    def one_pass() -> None:
        with ThreadPoolExecutor(job["threads"]) as pool:
            list(pool.map(decode, paths))

    return one_pass

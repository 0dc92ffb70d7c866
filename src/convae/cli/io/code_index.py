"""An index over very many codes (faiss): built once, stored next to the codes, fast but approximate.

Codes are grouped around some thousand centres, and a search examines only those around the nearest
centres (an inverted file). Vectors are stored unchanged, so distances are exact; a search can only miss
neighbours that belong to other centres. Building takes as much memory as the codes; searching does not.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from convae.cli.io.code_reading import count_codes, read_codes
from convae.cli.io.code_writing import CHUNK, batched
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import counting
from convae.filesystem.atomic import atomic_write

MANY = 1_000_000  # codes that are compared one by one
_PROBED = 1 / 64  # fraction of the centres that a search examines
_EACH = 40  # codes per centre that the centres are fitted on


def index_file(codes: Path, metric: str) -> Path:
    """Return the path of the index: ``codes.npy.euclidean.index`` for ``codes.npy``."""
    return codes.with_name(f"{codes.name}.{metric}.index")


def find_index(codes: Path, metric: str, count: int) -> Path | None:
    """Return the index of these codes, if there is one that is not older than they are."""
    path = index_file(codes, metric)
    if not path.is_file() or path.stat().st_mtime_ns < codes.stat().st_mtime_ns or _faiss() is None:
        return None
    return path if _open(path).ntotal == count else None


def make_index(codes: Path, metric: str, voice: Voice) -> Path | None:
    """Build the index and write it next to the codes; None where faiss is not installed."""
    faiss, count = _faiss(), count_codes(codes)
    if faiss is None:
        voice.note(
            f"{count:,} codes are compared one by one; with the package faiss-cpu an index makes repeated "
            "searches quick: pip install faiss-cpu"
        )
        return None
    path = index_file(codes, metric)
    voice.note(f"building an index of {count:,} codes, once: {path}")
    centres = max(1, int(2 * count**0.5))
    chosen = np.unique(np.linspace(0, count - 1, min(count, _EACH * centres)).astype(int))
    with read_codes(codes, only=set(chosen.tolist())) as rows:
        sample = _vectors([row.code for row in rows], metric)
    centres = min(centres, len(sample))
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(sample.shape[1]), sample.shape[1], centres)
    index.verbose = False
    index.train(sample)
    with read_codes(codes) as rows, counting(voice, "building the index") as progress:
        for chunk in batched(rows, CHUNK):
            index.add(_vectors([row.code for row in chunk], metric))
            progress(int(index.ntotal), count)
    with atomic_write(path) as file:
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))
    return path


def search_index(path: Path, queries: np.ndarray, k: int, metric: str) -> np.ndarray:
    """Return (m, k) positions of codes near each query (m, D); -1 where fewer are found."""
    index = _open(path)
    index.nprobe = max(8, int(index.nlist * _PROBED))
    places: np.ndarray = index.search(_vectors(list(queries), metric), k)[1]
    return places


def _open(path: Path) -> Any:
    """Return the index with its vectors left in the file."""
    faiss = _faiss()
    assert faiss is not None
    return faiss.read_index(os.fspath(path), faiss.IO_FLAG_MMAP)


def _vectors(codes: list[np.ndarray], metric: str) -> np.ndarray:
    """Return (n, D) float32; normalised for cosine, so that Euclidean distances give the same order."""
    flat = np.stack([code.reshape(-1) for code in codes]).astype(np.float32)
    if metric == "cosine":
        flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-30)
    return np.ascontiguousarray(flat)


def _faiss() -> Any:
    """Return faiss; None where it is not installed."""
    try:
        import faiss
    except ImportError:
        return None
    return faiss

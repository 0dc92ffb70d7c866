"""Named sets of images: ``digits`` ships with scikit-learn; others are searched for, then downloaded."""

import json
import math
import os
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convae.errors import ImageError, InputError, unknown_name
from convae.images.files.reading import read_image
from convae.images.sources.array_sources import ArraySource
from convae.images.sources.download import Progress, Remote, fetch, host_of
from convae.images.sources.idx import read_idx
from convae.loading import load

Part = tuple[np.ndarray, np.ndarray]

_TEN = tuple("0123456789")
_CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_THINGS = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
_DIGITS_TRAIN = 1437  # the first 80 %; the last 360 are by other writers


@dataclass(frozen=True)
class NamedSet:
    """The definition of a named set.

    Attributes:
        folders: possible names of its folder inside a data directory; the first is used to store it.
        label_names: the name of each class.
        find: returns the images and labels of a part in a folder, or None when they are missing.
        remotes: the files to download if it is not found.
    """

    folders: tuple[str, ...]
    label_names: tuple[str, ...]
    find: Callable[[Path, str], Part | None]
    remotes: tuple[Remote, ...]


def open_named(
    name: str,
    *,
    split: str = "train",
    data_dir: str | Path | None = None,
    download: bool = False,
    progress: Progress | None = None,
) -> ArraySource:
    """Open a named set.

    It is searched for in ``data_dir``, then in the folder named by ``CONVAE_DATA_DIR``, then in the cache
    (``~/.cache/convae``, or ``convae`` under ``XDG_CACHE_HOME``).

    Args:
        name: ``digits``, ``mnist``, ``fashion-mnist`` or ``cifar10``.
        split: ``train`` or ``test``.
        data_dir: the first folder to search, and the target of a download.
        download: whether it may be downloaded if it is not found.
        progress: called while downloading with (file name, bytes so far, total bytes).

    Raises:
        InputError: the set is not found, damaged, or cannot be downloaded.
    """
    known = canonical_name(name)
    if known is None:
        raise unknown_name("set", name, NAMES)
    if known == "digits":
        return _source("digits", split, _digits(split), _TEN)
    named, places = _SETS[known], _places(data_dir)
    found = _find(named, places, split)
    if found is None and download:
        for remote in named.remotes:
            fetch(remote, places[0] / named.folders[0], progress)
        found = _find(named, places[:1], split)
    if found is None:
        raise InputError(_nowhere(known, named, places))
    return _source(known, split, found, named.label_names)


def canonical_name(name: str) -> str | None:
    """Return the known name that ``name`` means, or None.

    >>> canonical_name("Fashion_MNIST"), canonical_name("holiday")
    ('fashion-mnist', None)
    """
    plain = name.lower().replace("_", "-")
    plain = {"fashionmnist": "fashion-mnist", "cifar-10": "cifar10"}.get(plain, plain)
    return plain if plain in NAMES else None


def _source(name: str, split: str, part: Part, label_names: tuple[str, ...]) -> ArraySource:
    images, labels = part
    return ArraySource(
        images,
        stem=f"{name}-{split}",
        labels=labels,
        label_names=label_names,
        description=f"{name} ({split}) {tuple(images.shape)}",
    )


def _places(data_dir: str | Path | None) -> list[Path]:
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    given = [data_dir, os.environ.get("CONVAE_DATA_DIR"), os.path.join(cache, "convae")]
    return [Path(os.path.expanduser(place)) for place in given if place]


def _find(named: NamedSet, places: list[Path], split: str) -> Part | None:
    for place in places:
        folders = [place / folder for folder in named.folders]
        if place.name in named.folders:  # the user gave the set's own folder
            folders.append(place)
        for folder in folders:
            if folder.is_dir() and (found := named.find(folder, split)) is not None:
                return found
    return None


def _nowhere(name: str, named: NamedSet, places: list[Path]) -> str:
    looked = ", ".join(str(place / named.folders[0]) for place in places)
    megabytes = math.ceil(sum(remote.size for remote in named.remotes) / 1e6)
    return (
        f"the set {name} is not on this machine (looked in {looked}); --download (in Python "
        f"download=True) fetches {megabytes} MB from {host_of(named.remotes[0].url)}, and --data-dir or "
        "CONVAE_DATA_DIR names another place to look in"
    )


def _digits(split: str) -> Part:
    bunch = load("sklearn.datasets").load_digits()
    part = slice(_DIGITS_TRAIN) if split == "train" else slice(_DIGITS_TRAIN, None)
    images = np.rint(bunch.images[part] * (255 / 16)).astype(np.uint8)  # stored as 0..16
    return images, np.asarray(bunch.target[part])


def _find_mnist(folder: Path, split: str) -> Part | None:
    stem = "train" if split == "train" else "t10k"
    paths = []
    for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"):
        wanted = (folder / f"{stem}-{kind}{end}" for end in (".gz", ""))
        paths.append(next((path for path in wanted if path.is_file()), None))
    if paths[0] is None or paths[1] is None:
        return None
    images, labels = read_idx(paths[0]), read_idx(paths[1])
    if images.ndim != 3 or labels.shape != (len(images),):
        raise InputError(f"{paths[0]}: holds {images.shape}, its labels {labels.shape}; damaged?")
    return images, labels


def _find_cifar(folder: Path, split: str) -> Part | None:
    """Return the binary version (packed or not), or the lossless mosaics of its first images."""
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] if split == "train" else ["test_batch.bin"]
    packed = folder / "cifar-10-binary.tar.gz"
    if packed.is_file():
        return _cifar_part(packed, _members(packed, names))
    if all((folder / name).is_file() for name in names):
        return _cifar_part(folder, [(folder / name).read_bytes() for name in names])
    if (folder / "labels.json").is_file() and (folder / f"{split}_0.png").is_file():
        return _find_mosaics(folder, split)
    return None


def _members(packed: Path, names: list[str]) -> list[bytes]:
    """Return chosen members of the archive, read without unpacking anything to disk."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(packed, "r:gz") as archive:
            for member in archive:
                name = os.path.basename(member.name)
                if name in names and member.isfile() and member.size < 1 << 26:
                    file = archive.extractfile(member)
                    found[name] = file.read() if file else b""
    except (OSError, EOFError, tarfile.TarError) as error:
        raise InputError(
            f"{packed}: damaged archive ({error}); delete it and fetch it again"
        ) from error
    return [found.get(name, b"") for name in names]


def _cifar_part(path: Path, blocks: list[bytes]) -> Part:
    # A record is one label byte and 3 planes of 32x32: https://www.cs.toronto.edu/~kriz/cifar.html
    if any(len(block) == 0 or len(block) % 3073 for block in blocks):
        raise InputError(f"{path}: damaged: it does not hold whole CIFAR-10 records")
    records = np.concatenate([np.frombuffer(b, np.uint8).reshape(-1, 3073) for b in blocks])
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), records[:, 0].astype(np.int64)


def _find_mosaics(folder: Path, split: str) -> Part:
    """Read PNG mosaics of 25 rows of 40 images each, and ``labels.json``."""
    blocks = []
    for index in range(50):
        path = folder / f"{split}_{index}.png"
        if not path.is_file():
            break
        try:
            pixels = read_image(path).pixels
        except ImageError as error:
            raise InputError(f"{error}; the set is damaged") from error
        if pixels.shape != (800, 1280, 3):
            raise InputError(f"{path}: is {pixels.shape}, not a mosaic of (800, 1280, 3)")
        tiles = pixels.reshape(25, 32, 40, 32, 3).transpose(0, 2, 1, 3, 4)
        blocks.append(tiles.reshape(1000, 32, 32, 3))
    images = np.concatenate(blocks)
    labels = np.asarray(json.loads((folder / "labels.json").read_text())[split], dtype=np.int64)
    if labels.shape != (len(images),):
        raise InputError(f"{folder}: {len(images)} images and {len(labels)} labels; damaged?")
    return images, labels


def _mnist_remotes(base: str, parts: tuple[tuple[str, int, str], ...]) -> tuple[Remote, ...]:
    return tuple(Remote(f"{name}.gz", f"{base}{name}.gz", size, md5) for name, size, md5 in parts)


_SETS = {
    "mnist": NamedSet(
        ("mnist", "MNIST", "MNIST/raw", "raw"),
        _TEN,
        _find_mnist,
        _mnist_remotes(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            (
                ("train-images-idx3-ubyte", 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
                ("train-labels-idx1-ubyte", 28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
                ("t10k-images-idx3-ubyte", 1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
                ("t10k-labels-idx1-ubyte", 4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
            ),
        ),
    ),
    "fashion-mnist": NamedSet(
        ("fashion-mnist", "fashion_mnist", "FashionMNIST", "FashionMNIST/raw"),
        _CLOTHES,
        _find_mnist,
        _mnist_remotes(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            (
                ("train-images-idx3-ubyte", 26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
                ("train-labels-idx1-ubyte", 29_515, "25c81989df183df01b3e8a0aad5dffbe"),
                ("t10k-images-idx3-ubyte", 4_422_102, "bef4ecab320f06d8554ea6380940ec79"),
                ("t10k-labels-idx1-ubyte", 5_148, "bb300cfdad3c16e7a12a480ee83cd310"),
            ),
        ),
    ),
    "cifar10": NamedSet(
        ("cifar10", "cifar-10-batches-bin", "cifar10_lossless5k"),
        _THINGS,
        _find_cifar,
        (
            Remote(
                "cifar-10-binary.tar.gz",
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                170_052_171,
                "c32a1d4ab5d03f1284b67883e8d87530",
            ),
        ),
    ),
}
NAMES = ("digits", *_SETS)

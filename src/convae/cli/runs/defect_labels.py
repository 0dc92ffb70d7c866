"""The labelled images on which a detector is evaluated: their layout and their labels."""

from dataclasses import replace
from pathlib import Path

from convae.cli.io.data import Data
from convae.cli.io.image_tables import read_by_name, values_of
from convae.errors import InputError
from convae.images.sources.base import ImageSource
from convae.images.sources.defect_labels import kind_by_folder, kind_of_label, layout_of

BY_FOLDER = "folder"


def images_of(data: Data) -> tuple[Data, Path | None]:
    """Return the images of a test set, and the folder of their masks if its layout has one."""
    if len(data.given) != 1 or not Path(data.given[0]).is_dir():
        return data, None
    layout = layout_of(Path(data.given[0]))
    return replace(data, given=(str(layout.images),)), layout.masks


def labels_of(source: ImageSource, given: str) -> list[str | None]:
    """Return the kind of defect of each image; empty for a normal image, None for no label.

    Args:
        given: ``folder``, or the path of a CSV file with the columns name and label.

    Raises:
        InputError: no image has a label, or the file cannot be read.
    """
    if given == BY_FOLDER:
        found = [kind_by_folder(name) for name in source.names]
        if all(kind is None for kind in found):
            raise InputError(
                f"{source.description}: its images have no labels: put normal images into a sub-folder "
                "good and those of each kind of defect into one of their own, or give --labels FILE.csv with "
                "the columns name and label"
            )
        return found
    path = Path(given)
    _, known = read_by_name(path, "--labels", {"label": "the columns name and label"})
    labels = values_of(source.names, known)
    if all(label is None for label in labels):
        raise InputError(
            f"--labels {path}: none of {len(source)} images has a label in it, such as {source.names[0]}: "
            "name them as 'convae check' does, relative to the folder"
        )
    return [None if label is None else kind_of_label(label) for label in labels]

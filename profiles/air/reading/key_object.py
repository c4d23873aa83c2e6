"""Key Object Selections by anybody (PS3.3 A.35.4, TID 2010)."""

from __future__ import annotations

from pydicom import Dataset

from profiles.air.errors import IllegalResult
from profiles.air.key_images import KeyImages
from profiles.air.reading.items import Item, item
from profiles.air.reading.notes import Notes
from profiles.air.values import ImageReference

_OBSERVERS = ("121005", "121006", "121007", "121008", "121012", "121013", "121014", "121015", "121016", "121049")


def key_images_in(made: Dataset, notes: Notes) -> KeyImages:
    """The key images; described by their title when nothing else does.

    Raises:
        IllegalResult: when none is named, or the title is none that a result may have.
    """
    root = item(made)
    title = root.concept
    if title is None:
        raise IllegalResult("The selection has no title (CID 7010).")
    references: list[ImageReference] = []
    description = ""
    for found in root.children():
        with notes.taking(found.path, found.what):
            if found.kind in ("IMAGE", "COMPOSITE") and found.referenced[0]:
                references.append(_reference(found))
            elif found.name == "113012" and not description:
                description = found.words
            elif found.name not in _OBSERVERS:
                notes.add(found.path, found.what, "No primitive holds it in a selection of key images.")
    return KeyImages(tuple(references), description or title.meaning, title)


def _reference(found: Item) -> ImageReference:
    return ImageReference(found.referenced[0], found.numbers("ReferencedFrameNumber"))

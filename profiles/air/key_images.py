"""Key images (RAD TF-3 section 6.5.3.8): what becomes a Key Object Selection."""

from __future__ import annotations

from dataclasses import dataclass, field

from profiles.air.errors import require
from profiles.air.values import ImageReference, SeriesReference, require_text
from profiles.dicom import Code, code
from profiles.tables import read_table


@dataclass(frozen=True, slots=True)
class KeyImages:
    """Images and series that a reader should see, and why (TID 2010).

    Attributes:
        references: images, frames of images, or whole series.
        description: why, in words (113012, DCM).
        title: CID 7010 without the titles that reject images, which would hide them (air.md 7.3).
    """

    references: tuple[ImageReference | SeriesReference, ...]
    description: str
    title: Code = field(default_factory=lambda: code("DCM", "113000"))

    def __post_init__(self) -> None:
        require(bool(self.references), "Key images are none; refer to an image or a series, or report no key images.")
        require_text(self.description, "Key Object Description")
        known = [code(row["scheme"], row["value"]) for row in read_table("profiles.air", "key_titles")]
        require(
            any(self.title.same_as(title) for title in known),
            f"The title of the key images is {self.title}; of PS3.16 CID 7010 a result may have "
            f"{', '.join(f'{title.value} {title.meaning}' for title in known)}.",
        )

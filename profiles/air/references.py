"""What results refer to: the images that the algorithm was given, resolved and checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable

from pydicom import Dataset

from profiles.air.context import ResultContext
from profiles.air.errors import require
from profiles.air.geometry import Location, Region, Space
from profiles.air.mending import tied_to
from profiles.air.values import ImageReference, SeriesReference


class Sources:
    """The images of one run by their UIDs, and which of them the results refer to.

    Args:
        context: what the results are tied to; its images are those that the algorithm was given.
    """

    def __init__(self, context: ResultContext) -> None:
        self._context = context
        self._images = {str(image.SOPInstanceUID): image for image in context.images}
        self._priors = {str(image.SOPInstanceUID): image for image in context.priors}
        self._used: dict[str, Dataset] = {}

    def slices(self, uids: Iterable[str]) -> list[Dataset]:
        """The headers of source slices, in this order; all of the study that the results join."""
        wanted = list(uids)
        missing = [uid for uid in wanted if uid not in self._images]
        require(
            not missing,
            f"{len(missing)} of the source slices are not among the images of the context, the first is "
            f"{missing[0] if missing else ''}; give all images that the algorithm was given.",
        )
        return [self._use(uid) for uid in wanted]

    def image(self, reference: ImageReference) -> Dataset:
        """The header of a referenced image.

        Raises:
            IllegalResult: when it is unknown, or has no such frames.
        """
        uid = reference.sop_instance_uid
        (header,) = [self._use(uid)] if uid in self._priors else self.slices([uid])
        count = int(header.get("NumberOfFrames", 0) or 0)
        require(
            not reference.frames or count > 0,
            f"Frames of {reference.sop_instance_uid} are named, but it is a single-frame image; leave them out "
            "(Referenced Frame Number, PS3.3 Table 10-3).",
        )
        require(
            all(frame <= count for frame in reference.frames),
            f"Frames {list(reference.frames)} of {reference.sop_instance_uid} are named, it has {count}.",
        )
        return header

    def series(self, reference: SeriesReference) -> list[Dataset]:
        """The headers of a referenced series."""
        given = {**self._images, **self._priors}
        uids = [uid for uid, image in given.items() if image.SeriesInstanceUID == reference.series_instance_uid]
        require(
            bool(uids),
            f"No image of series {reference.series_instance_uid} is among those that the algorithm was given.",
        )
        return [self._use(uid) for uid in uids]

    def under(self, shape: Location | Region) -> Dataset:
        """An image on which, or in whose space, something is drawn.

        Raises:
            IllegalResult: when there is none, or when points lie outside of it (PS3.3 C.18.6.1.2).
        """
        if isinstance(shape.where, Space):
            return self._in_space(shape.where)
        header = self.image(shape.where)
        columns = max(int(header.Columns), int(header.get("TotalPixelMatrixColumns", 0) or 0))
        rows = max(int(header.Rows), int(header.get("TotalPixelMatrixRows", 0) or 0))
        require(
            all(column <= columns and row <= rows for column, row in shape.points),
            f"{shape.of.identifier} is drawn outside of its image of {columns} columns and {rows} rows "
            "(PS3.3 C.18.6.1.2); points are (column, row), in this order.",
        )
        return header

    def used(self) -> list[Dataset]:
        """All images that were referred to, those of the study itself first; all of these when none were."""
        if not self._used.keys() & self._images.keys():
            self.all()
        return sorted(self._used.values(), key=lambda header: str(header.SOPInstanceUID) in self._priors)

    def all(self) -> list[Dataset]:
        """All images of the study that the algorithm was given."""
        return self.slices(self._images)

    def _in_space(self, space: Space) -> Dataset:
        uids = [
            uid
            for uid, image in self._images.items()
            if str(image.get("FrameOfReferenceUID", "")) == space.frame_of_reference_uid
        ]
        require(
            bool(uids),
            f"No image that the algorithm was given is in the Frame of Reference {space.frame_of_reference_uid} "
            "(PS3.3 C.18.9); bring the points into the space of the source images.",
        )
        return self.slices(uids)[0]

    def _use(self, uid: str) -> Dataset:
        if uid in self._priors:
            self._used.setdefault(uid, self._priors[uid])
        elif uid not in self._used:
            self._used[uid] = tied_to([self._images[uid]], self._context)[0]
        return self._used[uid]

"""A Key Object Selection (PS3.3 A.35.4, TID 2010) from key images, by highdicom."""

from __future__ import annotations

import copy
from typing import Any

from pydicom import Dataset

from profiles.air.algorithm import AlgorithmIdentification
from profiles.air.content_items import CONTAINS, image, with_children, words
from profiles.air.context import ResultContext
from profiles.air.errors import require
from profiles.air.key_images import KeyImages
from profiles.air.mending import as_concept, finish, identity
from profiles.air.observers import observers
from profiles.air.references import Sources
from profiles.air.values import ImageReference
from profiles.dicom import code


def encode_key_images(
    found: KeyImages,
    context: ResultContext,
    algorithm: AlgorithmIdentification,
    number: int,
) -> Dataset:
    """One Key Object Selection.

    Args:
        found: the key images.
        context: what the result is tied to.
        algorithm: what chose them.
        number: tells the selections of one run apart, from 1; becomes the Instance Number.

    Raises:
        IllegalResult: when an image or series is not among those that the algorithm was given, or is one of an earlier
            study.
    """
    import highdicom as hd

    sources = Sources(context)
    chosen = _chosen(found, sources, context)
    content = hd.ko.KeyObjectSelection(
        document_title=as_concept(found.title), referenced_objects=[header for header, _ in chosen]
    )
    with_children(
        content[0],
        [
            *observers(context, algorithm),
            words(code("DCM", "113012"), found.description),
            *(
                image(
                    code("SCT", "260753009"),
                    (str(header.SOPClassUID), str(header.SOPInstanceUID)),
                    CONTAINS,
                    frames=frames,
                )
                for header, frames in chosen
            ),
        ],
    )
    made = hd.ko.KeyObjectSelectionDocument(
        evidence=sources.used(),
        content=content,
        requested_procedures=copy.deepcopy(list(context.requests)) or None,
        **_identity(chosen[0][0], context, algorithm, number),
    )
    finish(made, context, algorithm)
    return made  # type: ignore[no-any-return] # highdicom is untyped for mypy


def _chosen(found: KeyImages, sources: Sources, context: ResultContext) -> list[tuple[Dataset, tuple[int, ...]]]:
    """The headers of the key images, each with the frames that are meant."""
    chosen: list[tuple[Dataset, tuple[int, ...]]] = []
    for reference in found.references:
        if isinstance(reference, ImageReference):
            chosen.append((sources.image(reference), reference.frames))
        else:
            chosen += [(header, ()) for header in sources.series(reference)]
    require(
        all(header.StudyInstanceUID == context.study_instance_uid for header, _ in chosen),
        "Key images are of an earlier study; a selection is to lie, identical, in every study that it refers to "
        "(PS3.3 C.17.6.2.1). Select them in a result of that study.",
    )
    return chosen


def _identity(
    image: Dataset, context: ResultContext, algorithm: AlgorithmIdentification, number: int
) -> dict[str, Any]:
    """Whose the selection is; with the equipment that acquired the images, which highdicom adds for images alone."""
    import highdicom as hd

    found = identity(context, algorithm, "KO", "key images", series_number=context.series_number + 3, number=number)
    if image.get("Manufacturer"):
        found["contributing_equipment"].insert(0, hd.ContributingEquipment.for_image_acquisition(image))
    return found

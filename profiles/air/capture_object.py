"""Secondary Capture instances (PS3.3 A.8.1) of pictures of a result, by highdicom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.valuerep import DA, TM

from profiles.air.algorithm import AlgorithmIdentification
from profiles.air.companions import require_coded, source_images, source_instances
from profiles.air.context import ResultContext
from profiles.air.errors import require
from profiles.air.mending import finish, identity
from profiles.air.values import ImageReference

_DERIVATION = "Picture of the result of an algorithm, drawn from the instances and images that are named as sources"
_SAMPLES = 3


def encode_captures(
    pages: Sequence[NDArray[np.uint8]],
    objects: Sequence[Dataset],
    shown: Sequence[ImageReference],
    context: ResultContext,
    algorithm: AlgorithmIdentification,
) -> list[Dataset]:
    """A Secondary Capture instance for each page of a picture, in a series of their own.

    Burned In Annotation is always YES: the pages name order and study, and with them the patient can be found.

    Args:
        pages: red, green and blue of each, shape (rows, columns, 3).
        objects: the coded objects of the same result, as :func:`profiles.air.encode` gives them.
        shown: the images on the pages.
        context: what the result is tied to.
        algorithm: what made it.

    Raises:
        IllegalResult: when there are no coded objects, or a page is no colour picture.
    """
    require_coded(objects, context)
    for page in pages:
        require(
            page.dtype == np.uint8 and page.ndim == _SAMPLES and page.shape[-1] == _SAMPLES,
            f"A page is an array of {page.dtype} of shape {page.shape}; give red, green and blue as 8-bit numbers, "
            "shape (rows, columns, 3).",
        )
    return [_capture(page, objects, shown, context, algorithm, number) for number, page in enumerate(pages, start=1)]


def _capture(
    page: NDArray[np.uint8],
    objects: Sequence[Dataset],
    shown: Sequence[ImageReference],
    context: ResultContext,
    algorithm: AlgorithmIdentification,
    number: int,
) -> Dataset:
    import highdicom as hd

    made = hd.sc.SCImage(
        pixel_array=page,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "P"),
        study_instance_uid=context.study_instance_uid,
        **identity(context, algorithm, "SC", "picture", series_number=context.series_number + 4, number=number),
    )
    _complete(made, context)
    made.SourceInstanceSequence = source_instances(objects)
    if shown:
        made.SourceImageSequence = source_images(shown, context)
    finish(made, context, algorithm)
    return made  # type: ignore[no-any-return] # highdicom is untyped for mypy


def _complete(made: Any, context: ResultContext) -> None:
    """What highdicom does not ask for, and that a page has neither orientation nor side in the patient."""
    moment = context.content_moment()
    made.PatientOrientation = made.Laterality = ""
    made.ConversionType = "SYN"
    made.BurnedInAnnotation = "YES"
    made.DerivationDescription = _DERIVATION
    made.DateOfSecondaryCapture, made.TimeOfSecondaryCapture = DA(moment.date()), TM(moment.time())

"""Who observed (TID 1001): the algorithm, and a person where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from profiles.air.algorithm import AlgorithmIdentification
from profiles.air.content_items import CONTEXT, coded, uid, words
from profiles.air.context import ResultContext
from profiles.air.mending import as_concept
from profiles.dicom import code


def observers(context: ResultContext, algorithm: AlgorithmIdentification) -> Iterator[Any]:
    """The algorithm as device observer, equal to its Contributing Equipment item (AIR Table 6.5.3.1-1).

    A person who made the results with it, or who verified them, follows as a second observer (TID 1002 and TID 1003).
    """
    yield coded(code("DCM", "121005"), code("DCM", "121007"), CONTEXT)
    yield uid(code("DCM", "121012"), algorithm.device_uid, CONTEXT)
    yield words(code("DCM", "121014"), algorithm.manufacturer, CONTEXT)
    yield words(code("DCM", "121015"), algorithm.name, CONTEXT)
    word = context.standing.verification
    person = context.observer or (word.observer if word else "")
    if person:
        from highdicom.sr import PnameContentItem

        yield coded(code("DCM", "121005"), code("DCM", "121006"), CONTEXT)
        yield PnameContentItem(name=as_concept(code("DCM", "121008")), value=person, relationship_type=CONTEXT)

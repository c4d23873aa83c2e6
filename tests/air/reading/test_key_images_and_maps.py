"""Key images and maps of others: what stands in for what they lack, and what is refused."""

from __future__ import annotations

import numpy as np
from pydicom import Dataset

from profiles.air import ImageReference, ParametricMap, Results, Tracking
from profiles.air.reading import read_results
from profiles.dicom import Code, code
from tests.air.reading.conftest import Study
from tests.air.reading.foreign import codes, image, item, report, words

KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"


def selection(title: Code, *children: Dataset) -> Dataset:
    made = report(*children, sop_class=KEY_OBJECT)
    made.ConceptNameCodeSequence = codes(title)
    return made


def test_key_images_without_description_are_described_by_their_title() -> None:
    extra = words(Code("1", "99X", "Mood"), "fine")
    found = read_results([selection(Code("113000", "DCM", "Of Interest"), item("IMAGE", None), image("1.2.5"), extra)])
    assert found.results is not None
    (key,) = found.results.key_images
    assert (key.description, key.references) == ("Of Interest", (ImageReference("1.2.5"),))
    assert len(found.unread) == 2


def test_a_selection_that_rejects_images_is_no_result() -> None:
    found = read_results([selection(Code("113001", "DCM", "Rejected for Quality Reasons"), image("1.2.5"))])
    assert found.results is None
    assert "title of the key images" in found.unread[0].reason


def test_a_map_without_report_is_of_a_thing_of_its_own(series: Study) -> None:
    uids = tuple(str(one.SOPInstanceUID) for one in series.images)
    values = np.ones((12, 20, 24), dtype=np.float32)
    heat = ParametricMap(values, code("DCM", "130404"), code("UCUM", "1"), uids, Tracking("Heat"), "heat")
    made = series.write(Results(maps=(heat,)))[0]
    found = read_results([made], series.images)
    assert found.results is not None
    assert found.results.maps[0].of == Tracking("HEAT")
    frames = made.SharedFunctionalGroupsSequence[0], *made.PerFrameFunctionalGroupsSequence
    for frame in frames:
        frame.pop("RealWorldValueMappingSequence", None)
    without = read_results([made], series.images)
    assert without.results is None
    assert "what its numbers mean" in without.unread[0].reason

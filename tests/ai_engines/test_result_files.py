"""What a worker process leaves in files is what the performer reads: every primitive, every field."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from ai_engines.files import RESULTS, read_results, write_results
from profiles.air import (
    Comment,
    Confidence,
    Evaluation,
    Finding,
    FindingSite,
    IllegalResult,
    ImageReference,
    Location,
    Mark,
    Measurement,
    NormalRange,
    Outline,
    Priority,
    PriorityHint,
    Region,
    Results,
    Segment,
    Segmentation,
    Space,
    Tracking,
    Uncertainty,
)
from profiles.dicom import code

LUNG, NODULE = code("SCT", "39607008"), code("SCT", "27925004")
THING = Tracking("Nodule 1", "1.2.3")


@pytest.fixture
def results() -> Results:
    mask = np.zeros((2, 3, 5), dtype=np.bool_)
    mask[1, 2, 1:4] = True
    segment = Segment("Lung", code("SCT", "91723000"), LUNG, mask, Tracking("Lung"), (FindingSite(LUNG),), (1, 2, 3))
    point = ((1.0, 2.0, 3.0),)
    return Results(
        (Segmentation((segment,), ("1.2", "1.3"), "LUNG", "Lungs"),),
        (
            Measurement(
                code("SCT", "81827009"),
                0.1,
                code("UCUM", "mm"),
                THING,
                uncertainty=Uncertainty(0, 1),
                normal=NormalRange(1.0),
            ),
        ),
        {"steps": [1, 2], "took": 0.5},
        (
            Finding(NODULE, THING, confidence=Confidence(50.0)),
            Finding(NODULE, Tracking("Shown"), images=(ImageReference("1.2", (3,)),)),
        ),
        (Evaluation(LUNG, NODULE, modifiers=((LUNG, NODULE),)),),
        (Location(Mark.POINT, point, Space("1.9"), Tracking("Seed")),),
        (Region(Outline.BOX, ((1.0, 1.0), (2.0, 2.0)), ImageReference("1.2"), THING),),
        (Comment("Ä"),),
        PriorityHint(Priority.LOW),
    )


def plain(value: object) -> object:
    """A value without classes, so that arrays can be compared."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value), [plain(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.tolist()
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    return type(value), value


def test_results_come_out_of_their_files_as_they_went_in(results: Results, tmp_path: Path) -> None:
    write_results(results, tmp_path)
    assert plain(read_results(tmp_path)) == plain(results)


@pytest.mark.parametrize(
    "content",
    ["{", "{}", "[]", '{"is": "Results"}', '{"is": "os.system"}', '{"is": "Tracking", "identifier": "x"}', "null"],
)
def test_files_that_hold_no_results_are_refused(results: Results, tmp_path: Path, content: str) -> None:
    write_results(results, tmp_path)
    (tmp_path / RESULTS).write_text(content)
    with pytest.raises(IllegalResult):
        read_results(tmp_path)


def test_fields_of_a_wrong_type_are_refused(results: Results, tmp_path: Path) -> None:
    write_results(results, tmp_path)
    document = json.loads((tmp_path / RESULTS).read_text())
    document["segmentations"][0]["segments"][0]["label"] = 5
    (tmp_path / RESULTS).write_text(json.dumps(document))
    with pytest.raises(IllegalResult, match="broken"):
        read_results(tmp_path)

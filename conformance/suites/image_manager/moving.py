"""DIMSE storage and query/retrieve (PS3.4 Annexes B and C; RAD-18, 14, 16)."""

from __future__ import annotations

from pydicom import Dataset

from conformance.harness import Trial, shows
from conformance.partners import objects
from conformance.suites.image_manager.retrieving import differences
from conformance.suites.image_manager.stage import Archive
from conformance.suites.image_manager.storing import LEAVES

_WARNINGS = (0xB000, 0xB006, 0xB007)
_UNKNOWN_DESTINATION = 0xA801


def query(level: str, **keys: str) -> Dataset:
    """A query of the study root at one level."""
    dataset = Dataset()
    dataset.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(dataset, keyword, value)
    return dataset


@shows("AIR-IM-001", "Results and images of every class are taken by C-STORE", option="store-dimse", leaves=LEAVES)
def every_class(trial: Trial, archive: Archive) -> None:
    """AIR-IM-001."""
    study = objects.Study()
    source = objects.image(study)
    for made in (
        source,
        *(objects.image(study, one) for one in (objects.CT, objects.CR, objects.SC)),
        objects.report(study, source),
        objects.segmentation(study, source),
        objects.parametric_map(study, source),
        objects.key_objects(study, source),
    ):
        outcome = archive.peer.store(made)
        name = made.SOPClassUID.name
        trial.must(outcome.status in {0, *_WARNINGS}, f"{name} is taken", outcome.words, outcome.evidence)
        trial.should(outcome.status not in _WARNINGS, f"{name} is taken unchanged", outcome.words, outcome.evidence)


@shows("AIR-IM-012", "Instances are found by C-FIND and come by C-MOVE and C-GET", option="query-dimse", leaves=LEAVES)
def query_and_retrieve(trial: Trial, archive: Archive) -> None:
    """AIR-IM-012."""
    study = objects.Study()
    source = objects.image(study)
    report = objects.report(study, source)
    archive.stored(trial, source, report)
    for level, keys, tag, wanted in (
        ("STUDY", {"PatientID": study.patient_id, "StudyInstanceUID": ""}, "StudyInstanceUID", study.uid),
        (
            "SERIES",
            {"StudyInstanceUID": study.uid, "Modality": "SR", "SeriesInstanceUID": ""},
            "SeriesInstanceUID",
            report.SeriesInstanceUID,
        ),
        (
            "IMAGE",
            {"StudyInstanceUID": study.uid, "SeriesInstanceUID": report.SeriesInstanceUID, "SOPInstanceUID": ""},
            "SOPInstanceUID",
            report.SOPInstanceUID,
        ),
    ):
        outcome = archive.peer.find(query(level, **keys))
        found = [str(one.get(tag, "")) for one in outcome.datasets]
        trial.must(
            outcome.status == 0 and found == [wanted], f"C-FIND finds it ({level})", outcome.words, outcome.evidence
        )
    one = query(
        "IMAGE",
        StudyInstanceUID=study.uid,
        SeriesInstanceUID=report.SeriesInstanceUID,
        SOPInstanceUID=report.SOPInstanceUID,
    )
    _moved(trial, archive, one, report)
    outcome = archive.peer.get(one, (objects.SR,))
    trial.must(
        outcome.status == 0 and [differences(report, came) for came in outcome.datasets] == [[]],
        "C-GET brings it as it was stored",
        outcome.words,
        outcome.evidence,
    )


def _moved(trial: Trial, archive: Archive, one: Dataset, report: Dataset) -> None:
    dimse = archive.declared.dimse
    if archive.receiver is None:
        trial.note("C-MOVE was left out: the declaration has no harness_port for it")
    else:
        outcome = archive.peer.move(one, dimse.harness_ae_title)
        trial.must(outcome.status == 0, "C-MOVE to a known destination succeeds", outcome.words, outcome.evidence)
        receiver = archive.receiver
        came = trial.wait_for(lambda: [one for one in receiver.came if one.SOPInstanceUID == report.SOPInstanceUID])
        trial.must(came, "the instance comes by C-STORE", "nothing came", outcome.evidence)
    outcome = archive.peer.move(one, "NOBODYKNOWSME")
    trial.must(
        outcome.status == _UNKNOWN_DESTINATION,
        "C-MOVE to an unknown destination ends with A801",
        outcome.words,
        outcome.evidence,
    )

"""Rejection notes, availability, and large studies."""

from __future__ import annotations

from conformance.harness import Trial, shows
from conformance.partners import objects
from conformance.suites.image_manager.finding import uids
from conformance.suites.image_manager.stage import Archive
from conformance.suites.image_manager.storing import LEAVES

_MANY, _AT_ONCE = 1000, 100
_INSTANCE = "00080018"


@shows("AIR-IM-015", "A report that a rejection note names is hidden", option="rejection", leaves=LEAVES)
def rejected(trial: Trial, archive: Archive) -> None:
    """AIR-IM-015."""
    study = objects.Study()
    source = objects.image(study)
    report = objects.report(study, source)
    archive.stored(trial, source, report)
    archive.stored(trial, objects.key_objects(study, report, ("113001", "Rejected for Quality Reasons")))
    answer, matches = archive.web.search(f"/studies/{study.uid}/instances", f"SOPClassUID={objects.SR}")
    trial.must(not matches, "the rejected report is found no more", f"{len(matches)} matches", answer.evidence)


@shows(
    "AIR-IM-016",
    "A study of 1000 instances is stored, found and retrieved whole",
    leaves="a study of 1000 small instances of a patient who does not exist",
    limit_seconds=600,
)
def many(trial: Trial, archive: Archive) -> None:
    """AIR-IM-016."""
    study, series = objects.Study(), objects.new_uid()
    images = [objects.image(study, series=series, number=number) for number in range(1, _MANY + 1)]
    for start in range(0, _MANY, _AT_ONCE):
        archive.stored(trial, *images[start : start + _AT_ONCE])
    seen: set[str] = set()
    for offset in range(0, _MANY, _AT_ONCE):
        answer, matches = archive.web.search(f"/studies/{study.uid}/instances", f"limit={_AT_ONCE}&offset={offset}")
        seen |= set(uids(matches, _INSTANCE))
    wanted = {str(one.SOPInstanceUID) for one in images}
    trial.must(seen == wanted, "all are found", f"{len(seen & wanted)} of {_MANY}", answer.evidence)
    answer = archive.web.retrieve(f"/studies/{study.uid}/metadata", "application/dicom+json")
    count = len(answer.json()) if answer.ok else 0
    trial.must(count == _MANY, "the metadata of all are retrieved", f"{count} of {_MANY}", answer.evidence)

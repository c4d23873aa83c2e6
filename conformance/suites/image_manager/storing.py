"""Storing over STOW-RS (PS3.18 section 10.5)."""

from __future__ import annotations

from typing import Any

from conformance.harness import Trial, shows
from conformance.partners import objects
from conformance.partners.dicomweb import values
from conformance.suites.image_manager.stage import Archive

_STORED, _FAILED, _OTHER = "00081199", "00081198", "0008119A"
_INSTANCE, _URL, _REASON = "00081155", "00081190", "00081197"
LEAVES = "a study of a patient who does not exist"


def instances(answer: dict[str, Any], tag: str) -> dict[str, dict[str, Any]]:
    """Items of the stored or failed sequence by their SOP Instance UID."""
    return {str(uid): item for item in values(answer, tag) for uid in values(item, _INSTANCE)}


@shows("AIR-IM-002", "A report and its segmentation are stored together, each with its address", leaves=LEAVES)
def a_result(trial: Trial, archive: Archive) -> None:
    """AIR-IM-002."""
    study = objects.Study()
    source = objects.image(study)
    made = [source, objects.report(study, source), objects.segmentation(study, source)]
    answer = archive.web.store([objects.as_file(one) for one in made])
    trial.require(answer.status == 200, "all are stored, with status 200", answer.words, answer.evidence)  # noqa: PLR2004
    told = instances(answer.json(), _STORED)
    lacking = [one.SOPClassUID.name for one in made if one.SOPInstanceUID not in told]
    trial.must(not lacking, "the answer lists each instance as stored", f"not listed: {lacking}", answer.evidence)
    bare = [uid for uid, item in told.items() if not values(item, _URL)]
    trial.must(not bare, "each stored instance has its Retrieve URL", f"{len(bare)} have none", answer.evidence)


@shows("AIR-IM-003", "A broken instance does not keep a good one from being stored", leaves=LEAVES)
def one_broken(trial: Trial, archive: Archive) -> None:
    """AIR-IM-003."""
    good = objects.image(objects.Study())
    broken = objects.image(objects.Study())
    file = objects.as_file(broken)
    answer = archive.web.store([objects.as_file(good), file[: len(file) // 3]])
    trial.must(answer.status in {200, 202}, "the answer is 202", answer.words, answer.evidence)
    trial.should(answer.status == 202, "a partial success is told by 202", answer.words, answer.evidence)  # noqa: PLR2004
    told = answer.json() if answer.body.strip() else {}
    trial.must(
        good.SOPInstanceUID in instances(told, _STORED), "the good instance is listed as stored", "", answer.evidence
    )
    failed = [*values(told, _FAILED), *values(told, _OTHER)]
    trial.must(broken.SOPInstanceUID not in instances(told, _STORED), "the broken one is not", "", answer.evidence)
    trial.should(
        failed and all(values(item, _REASON) for item in failed),
        "the broken one is listed as failed with a reason",
        f"{len(failed)} are listed",
        answer.evidence,
    )
    found, _ = archive.web.search("/studies", f"StudyInstanceUID={broken.StudyInstanceUID}")
    trial.must(found.status == 204 or found.json() == [], "nothing of the broken instance is found", "", found.evidence)  # noqa: PLR2004


@shows("AIR-IM-004", "An instance of another study is not stored under the study that the address names", leaves=LEAVES)
def another_study(trial: Trial, archive: Archive) -> None:
    """AIR-IM-004."""
    made, other = objects.image(objects.Study()), objects.new_uid()
    answer = archive.web.store([objects.as_file(made)], study=other)
    trial.must(answer.status == 409, "the answer is 409", answer.words, answer.evidence)  # noqa: PLR2004
    found, matches = archive.web.search("/studies", f"StudyInstanceUID={other}")
    trial.must(not matches, "nothing is found under the named study", f"{len(matches)} studies", found.evidence)


@shows("AIR-IM-005", "What is no store request is refused by the right status", leaves="nothing")
def no_request(trial: Trial, archive: Archive) -> None:
    """AIR-IM-005."""
    plain = archive.http.send(
        "POST", "/studies", headers={"Content-Type": "text/plain", "Accept": "application/dicom+json"}, body=b"hello"
    )
    trial.must(plain.status == 415, "text/plain is refused with 415", plain.words, plain.evidence)  # noqa: PLR2004
    odd = archive.web.store([objects.as_file(objects.image(objects.Study()))], accept="image/png")
    trial.must(odd.status == 406, "an Accept of image/png is refused with 406", odd.words, odd.evidence)  # noqa: PLR2004
    none = archive.web.store([])
    trial.must(none.status in {204, 400}, "a request without parts is answered 400 or 204", none.words, none.evidence)
    trial.note(f"a request without parts is answered {none.status}", none.evidence)


@shows("AIR-IM-006", "The same instance stored twice is there once", leaves=LEAVES)
def twice(trial: Trial, archive: Archive) -> None:
    """AIR-IM-006."""
    made = objects.image(objects.Study())
    archive.stored(trial, made)
    again = archive.web.store([objects.as_file(made)])
    trial.must(again.status in {200, 202, 409}, "the second time is answered 200 or 409", again.words, again.evidence)
    trial.note(f"an instance that is there already is answered {again.status}", again.evidence)
    answer, matches = archive.web.search(f"/studies/{made.StudyInstanceUID}/instances")
    trial.must(len(matches) == 1, "the study has the instance once", f"{len(matches)} instances", answer.evidence)

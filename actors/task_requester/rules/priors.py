"""Earlier studies of the patient, as further input of a workitem."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from actors.task_requester.images import NO_IMAGES, ImageSource, ImageStudy, is_other_patient, read_study
from actors.task_requester.rules.deciding import Rule, Values
from actors.task_requester.rules.fields import series_values, study_day, study_values
from actors.task_requester.rules.model import Priors
from profiles.aiwi import InputStudy
from profiles.dicom import JsonDataset, get_all, text
from profiles.hl7 import ImagingOrder


def find_priors(archive: ImageSource, rule: Rule, order: ImagingOrder, study: ImageStudy) -> tuple[InputStudy, ...]:
    """The earlier studies that a rule asks for, the latest first.

    Only studies that carry the same Patient ID, and no other issuer, are taken; the archive's answer is not trusted.

    Args:
        archive: has them (QIDO-RS).
        rule: with ``priors``.
        order: of the patient.
        study: that they come before.

    Raises:
        ExpressionFailed: when its condition for series cannot be decided.
        Unavailable: when the archive is away.
    """
    wanted = rule.table.priors
    if wanted is None:
        return ()
    now = study_values(order, study)
    found: list[InputStudy] = []
    for candidate in _candidates(archive, wanted, order, study):
        if "modality" in wanted.same and not _shares(get_all(candidate, "ModalitiesInStudy"), now["modalities"]):
            continue
        prior = read_study(archive, text(candidate, "StudyInstanceUID"))
        chosen = _series(rule, order, prior, now if "body_part" in wanted.same else {})
        if chosen:
            found.append(prior.input(chosen))
        if len(found) == wanted.most:
            break
    return tuple(found)


def _candidates(archive: ImageSource, wanted: Priors, order: ImagingOrder, study: ImageStudy) -> Iterator[JsonDataset]:
    day, patient = study_day(study.identity), text(study.identity, "PatientID") or order.patient.identifier.value
    if day is None or not patient:
        return
    filters = {
        "PatientID": patient,
        "StudyDate": f"{day - timedelta(days=wanted.days):%Y%m%d}-{day:%Y%m%d}",
        "includefield": "IssuerOfPatientID,ModalitiesInStudy,StudyTime",
    }
    present = _moment(study.identity)
    earlier = [
        one
        for one in archive.search_studies(filters)
        if text(one, "PatientID") == patient
        and not is_other_patient(order, one)
        and text(one, "StudyInstanceUID") not in {study.uid, ""}
        and filters["StudyDate"][:8] <= _moment(one)[0]
        and _moment(one) < present
    ]
    yield from sorted(earlier, key=_moment, reverse=True)


def _series(rule: Rule, order: ImagingOrder, prior: ImageStudy, alike: Values) -> tuple[str, ...]:
    values = study_values(order, prior)
    if alike.get("body_parts") and not _shares(values["body_parts"], alike["body_parts"]):
        return ()
    condition = rule.prior_series
    series = [series_values(one) for one in prior.series]
    return tuple(one["uid"] for one in series if condition is None or condition.holds({**values, **one}))


def _moment(study: JsonDataset) -> tuple[str, str]:
    return text(study, "StudyDate"), text(study, "StudyTime")


def _shares(theirs: list[str], ours: list[str]) -> bool:
    """Whether the two have one in common; the modalities of results do not count."""
    return not {*ours}.isdisjoint({*theirs} - NO_IMAGES)

"""The values of the fields of ``tables/context.csv``, from order and images."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from actors.task_requester.images import ImageSeries, ImageStudy
from actors.task_requester.rules.language import DATASET, UNKNOWN
from profiles.dicom import JsonDataset, get, get_all, items, text
from profiles.hl7 import ImagingOrder

_YEAR_DAYS = 365.25
_PER_YEAR = {"D": _YEAR_DAYS, "W": _YEAR_DAYS / 7, "M": 12.0, "Y": 1.0}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: Fields of a series, by the attribute that they are; the study has those of its series in the field that follows.
_OF_SERIES = {
    "series_description": ("SeriesDescription", "series_descriptions"),
    "station": ("StationName", "stations"),
    "manufacturer": ("Manufacturer", "manufacturers"),
    "model": ("ManufacturerModelName", "models"),
    "institution": ("InstitutionName", "institutions"),
    "protocol": ("ProtocolName", "protocols"),
    "acquisition_type": ("MRAcquisitionType", ""),
}


def study_values(order: ImagingOrder, study: ImageStudy) -> dict[str, Any]:
    """Values of the fields of scope ``study``."""
    series = [series_values(one) for one in study.series]
    several = {"modality": "modalities", "body_part": "body_parts", "sop_class": "sop_classes"}
    several |= {name: more for name, (_, more) in _OF_SERIES.items() if more}
    return {
        **{more: _distinct(one[name] for one in series) for name, more in several.items()},
        **_of_images(order, study),
        **_of_order(order, study),
        "image_count": float(study.count),
        "series_count": float(len(series)),
        "largest_series": max((one["images"] for one in series), default=0.0),
        DATASET: study.identity,
    }


def series_values(series: ImageSeries) -> dict[str, Any]:
    """Values of the fields of scope ``series``, and ``uid``."""
    first = series.first
    return {
        **{name: text(first, keyword) for name, (keyword, _) in _OF_SERIES.items()},
        "uid": series.uid,
        "modality": series.modality,
        "body_part": text(first, "BodyPartExamined").strip().upper(),
        "images": float(len(series.instances)),
        "sop_class": series.instances[0].sop_class_uid if series.instances else "",
        "image_type": [str(value) for value in get_all(first, "ImageType")],
        "slice_thickness": float(get(first, "SliceThickness") or 0.0),
        DATASET: first,
    }


def study_day(dataset: JsonDataset) -> date | None:
    """Study Date (0008,0020); None when there is none."""
    try:
        return datetime.strptime(text(dataset, "StudyDate"), "%Y%m%d").date()  # noqa: DTZ007  # a day has no zone
    except ValueError:
        return None


def age_in_years(order: ImagingOrder, images: JsonDataset) -> float:
    """Patient's Age (0010,1010), else from the birth date to the day of the study; no number when unknown."""
    said = text(images, "PatientAge").strip().upper()
    if said[:-1].isdigit() and said[-1] in _PER_YEAR:
        return float(said[:-1]) / _PER_YEAR[said[-1]]
    day = study_day(images)
    try:
        born = datetime.strptime(text(images, "PatientBirthDate") or order.patient.birth_date, "%Y%m%d")  # noqa: DTZ007
    except ValueError:
        return UNKNOWN
    if day is None or born.date() > day:
        return UNKNOWN
    birthdays = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    since = (day - born.date()) % timedelta(days=_YEAR_DAYS)
    return birthdays + min(since / timedelta(days=_YEAR_DAYS), 0.99)


def _of_images(order: ImagingOrder, study: ImageStudy) -> dict[str, Any]:
    images, day, time = study.identity, study_day(study.identity), text(study.identity, "StudyTime")
    return {
        "study_description": text(images, "StudyDescription"),
        "age": age_in_years(order, images),
        "sex": text(images, "PatientSex").strip().upper() or order.patient.sex,
        "study_hour": float(time[:2]) if time[:2].isdigit() else UNKNOWN,
        "study_weekday": _WEEKDAYS[day.weekday()] if day else "",
    }


def _of_order(order: ImagingOrder, study: ImageStudy) -> dict[str, Any]:
    procedure = order.procedure
    return {
        "procedure_code": procedure.value if procedure else "",
        "procedure_scheme": procedure.scheme if procedure else "",
        "procedure": procedure.meaning if procedure else "",
        "procedure_codes": _distinct(_codes(order, study)),
        "ordered_modalities": _distinct(step.modality for step in order.steps),
        "reason": order.reason,
        "patient_class": order.patient_class,
        "priority": order.priority,
        "sender": order.sender,
        "service": order.requesting_service,
        "origin": order.origin,
        "called_ae": order.called_ae,
    }


def _codes(order: ImagingOrder, study: ImageStudy) -> Iterable[str]:
    """Of the order, its steps and the images, each ``value^scheme``."""
    for code in (order.procedure, *(step.protocol for step in order.steps)):
        if code:
            yield f"{code.value}^{code.scheme}"
    for keyword in ("ProcedureCodeSequence", "RequestedProcedureCodeSequence"):
        for one in items(study.identity, keyword):
            if value := text(one, "CodeValue"):
                yield f"{value}^{text(one, 'CodingSchemeDesignator')}"


def _distinct(values: Iterable[str]) -> list[str]:
    return sorted({value for value in values if value})

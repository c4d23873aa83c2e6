"""What results are tied to comes from the workitem first, else from the images (AIW-I Appendix V)."""

from __future__ import annotations

from datetime import datetime

import pytest

from profiles.air import IllegalResult, context_from_workitem
from profiles.dicom import code, put, remove
from profiles.tables import read_table

from .conftest import NOW, STATION


def test_a_value_of_the_workitem_comes_first(workitem, images) -> None:
    put(workitem, "PatientName", "OTHER^NAME")
    context = context_from_workitem(workitem, images, station=STATION, now=NOW)
    assert str(context.attributes.PatientName) == "OTHER^NAME"
    assert context.attributes.AccessionNumber == images[0].AccessionNumber
    (request,) = context.requests
    assert request.RequestedProcedureID == "RP7"
    assert request.PlacerOrderNumberImagingServiceRequest == "P9"
    assert request.ReasonForTheRequestedProcedure == "Headache"
    assert request.RequestedProcedureCodeSequence[0].CodeValue == "24590-2"
    assert context.protocol[0].same_as(code("99STEPWELL", "BRAINSEG"))


def test_a_value_that_the_workitem_carries_empty_is_copied_as_empty(workitem, images) -> None:
    put(workitem, "PatientSex")
    context = context_from_workitem(workitem, images, station=STATION, now=NOW)
    assert context.attributes["PatientSex"].is_empty


def test_a_value_that_the_workitem_lacks_comes_from_the_images(workitem, images) -> None:
    for keyword in ("PatientName", "PatientSex", "StudyInstanceUID", "ReferencedRequestSequence"):
        remove(workitem, keyword)
    context = context_from_workitem(workitem, images, station=STATION, now=NOW)
    for keyword in ("PatientName", "PatientSex", "StudyInstanceUID", "AccessionNumber", "StudyID"):
        assert context.attributes[keyword].value == images[0][keyword].value
    assert context.requests == ()


def test_an_empty_study_instance_uid_is_taken_from_the_images(workitem, images) -> None:
    put(workitem, "StudyInstanceUID")
    assert (
        context_from_workitem(workitem, images, station=STATION, now=NOW).study_instance_uid
        == images[0].StudyInstanceUID
    )


@pytest.mark.parametrize(
    ("keyword", "value", "words"),
    [("StudyInstanceUID", "1.2.3", "another study"), ("PatientID", "X1", "another patient")],
)
def test_images_of_another_study_or_patient_are_refused(workitem, images, keyword, value, words) -> None:
    put(workitem, keyword, value)
    with pytest.raises(IllegalResult, match=words) as refusal:
        context_from_workitem(workitem, images, station=STATION, now=NOW)
    assert str(images[0].PatientID) not in refusal.value.message


def test_a_result_needs_images_and_a_time_with_zone(workitem, images) -> None:
    with pytest.raises(IllegalResult, match="no source images"):
        context_from_workitem(workitem, [], station=STATION, now=NOW)
    with pytest.raises(IllegalResult, match="no zone"):
        context_from_workitem(workitem, images, station=STATION, now=datetime(2030, 1, 1))  # noqa: DTZ001 - the point


def test_the_content_time_is_in_the_zone_of_the_images(workitem, images) -> None:
    images[0].TimezoneOffsetFromUTC = "-0330"
    context = context_from_workitem(workitem, images, station=STATION, now=NOW)
    assert context.content_moment().isoformat() == "2030-01-01T23:34:05-03:30"


def test_a_broken_element_of_the_workitem_is_refused_by_name(workitem, images) -> None:
    workitem["00100010"] = {"vr": "PN", "Value": 7}
    with pytest.raises(IllegalResult, match="PatientName"):
        context_from_workitem(workitem, images, station=STATION, now=NOW)


def test_every_row_of_the_table_cites_its_source() -> None:
    assert all(row["source"] for row in read_table("profiles.air", "appendix_v"))

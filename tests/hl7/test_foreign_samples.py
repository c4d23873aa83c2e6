"""Public messages of other projects: every one is read without loss, and judged as expected."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from profiles.hl7 import MessageRefused, message_handling, orders_from, read, require_acceptable
from profiles.hl7.message import with_segment_ends
from profiles.hl7.notices import notice_of

pytestmark = pytest.mark.samples

FOLDER = Path(os.environ.get("STEPWELL_SAMPLES", "/nonexistent"), "hl7_samples")
SAMPLES = sorted(FOLDER.glob("*.hl7"))
ORDERS = {
    "dcm4che_OMG_O19-GeneralClinicalOrder-Eyecare.hl7",
    "dcm4che_OMI_O23-ImagingOrder.hl7",
    "dcm4che_ORM_O01-GeneralOrder.hl7",
}
HANDLING = {
    "dcm4che_ADT_A31-UpdatePersonInfo-Veterinary.hl7": "patient-update",
    "dcm4che_ADT_A31-UpdatePersonInfo.hl7": "patient-update",
    "dcm4che_ADT_A40-PatientMerge.hl7": "patient-merge",
    "dcm4che_ADT_A47-ChangePatientID.hl7": "patient-change",
    "monai_2.3_003.hl7": "patient-update",
    "monai_2.4_001.hl7": "patient-update",
    "monai_2.8_001.hl7": "patient-update",
}
REFUSED = {
    "monai_2.3.1_001.hl7": 201,
    "monai_2.3.1_002.hl7": 200,
    "monai_2.5.1_002.hl7": 200,
    "monai_2.5.1_003.hl7": 200,
    "monai_2.5.1_004.hl7": 200,
    "monai_2.5.1_005.hl7": 200,
    "monai_2.5.1_006.hl7": 200,
    "monai_2.6_001.hl7": 200,
}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
@pytest.mark.requirement("HL7-024", "HL7-076")
def test_no_segment_is_lost(path):
    raw = path.read_bytes()
    message = read(raw)
    lines = [line for line in with_segment_ends(raw.decode(message.codec)).strip().split("\r") if line]
    assert [str(segment).rstrip() for segment in message.segments] == [line.rstrip() for line in lines]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
@pytest.mark.requirement("HL7-013")
def test_each_sample_is_taken_or_refused_as_it_should(path):
    message = read(path.read_bytes())
    if path.name in REFUSED:
        with pytest.raises(MessageRefused) as caught:
            require_acceptable(message)
        assert [finding.code for finding in caught.value.message_findings] == [REFUSED[path.name]]
        return
    require_acceptable(message)
    expected = (
        "order"
        if path.name in ORDERS
        else HANDLING.get(path.name, "notice" if message.kind[0] in {"ORU", "SIU"} else "unused")
    )
    assert message_handling(message) == expected
    if expected == "notice":
        assert notice_of(message, datetime.now(UTC)) is None, "reports start nothing"
    if path.name in ORDERS:
        (order,) = orders_from(message)
        assert order.study_instance_uid == "1.2.392.200036.9125.0.198811291108.7"
        assert order.accession.value == "AccessionNumber"

"""Evidence can be kept without patient data."""

import json

import pydicom
import pytest

from conformance.harness import Evidence
from conformance.partners import objects

NAME, ID = "Fictional^Ada", "P-4711"
WORKITEM = {
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": NAME}]},
    "00100020": {"vr": "LO", "Value": [ID]},
    "00741000": {"vr": "CS", "Value": ["SCHEDULED"]},
}
TEXTS = {
    "json": json.dumps(WORKITEM, indent=1),
    "json in an exchange": json.dumps({"request": {"text": json.dumps(WORKITEM, indent=1)}}),
    "xml": f'<DicomAttribute keyword="PatientName" tag="00100010" vr="PN"><Value>{NAME}</Value></DicomAttribute>'
    f'<DicomAttribute tag="00100020" vr="LO"><Value number="1">{ID}</Value></DicomAttribute><a>SCHEDULED</a>',
    "hl7": f"MSH|^~\\&|A\rPID|1||{ID}||{NAME}\rORC|NW|SCHEDULED\r",
    "hl7 in json": json.dumps({"message": f"MSH|^~\\&|A\rPID|1||{ID}||{NAME}\rORC|NW|SCHEDULED\r"}),
}


@pytest.mark.parametrize("kind", sorted(TEXTS))
def test_values_that_identify_a_patient_are_not_kept_and_all_others_are(tmp_path, kind):
    evidence = Evidence(tmp_path, patient_data=False)
    evidence.keep("T", "text", "words", TEXTS[kind], "txt")
    [item] = evidence.items
    kept = (tmp_path / item.file).read_text()
    assert NAME not in kept
    assert ID not in kept
    assert "SCHEDULED" in kept
    if "json" in kind:
        json.loads(kept)


def test_files_keep_everything_but_the_patient(tmp_path):
    made = objects.image(objects.Study(patient_name=NAME, patient_id=ID))
    evidence = Evidence(tmp_path, patient_data=False)
    evidence.keep("T", "dicom", "an image", objects.as_file(made), "dcm")
    evidence.keep("T", "dicom", "no image", f"{NAME} and nothing else".encode(), "dcm")
    image, other = (tmp_path / item.file for item in evidence.items)
    assert pydicom.dcmread(image).PatientName == "PATIENT"
    assert pydicom.dcmread(image).PixelData == made.PixelData
    assert other.read_bytes() == b""


def test_patient_data_is_kept_unless_told_otherwise(tmp_path):
    evidence = Evidence(tmp_path)
    evidence.keep("T", "text", "words", TEXTS["json"], "json")
    assert NAME in (tmp_path / evidence.items[0].file).read_text()

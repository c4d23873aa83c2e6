"""Evidence without patient data: identifying values of patients are replaced before they are written."""

from __future__ import annotations

import re
from io import BytesIO

import pydicom
from pydicom.errors import InvalidDicomError

HIDDEN = "PATIENT"
_KEYWORDS = (
    "PatientName",
    "PatientID",
    "OtherPatientIDs",
    "PatientBirthDate",
    "PatientBirthName",
    "PatientMotherBirthName",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "IssuerOfPatientID",
)
_TAGS = "0010(?:0010|0020|0021|0030|1000|1005|1040|1060|2154)"
_GAP = r"(?:\s|\\[nrt])*"
_QUOTE = r'\\*"'
_JSON = re.compile(
    rf"({_QUOTE}{_TAGS}{_QUOTE}{_GAP}:{_GAP}\{{{_GAP}{_QUOTE}vr{_QUOTE}{_GAP}:{_GAP}{_QUOTE}..{_QUOTE}{_GAP},{_GAP}"
    rf"{_QUOTE}Value{_QUOTE}{_GAP}:{_GAP}\[)(?:[^\[\]]*)\]"
)
_XML = re.compile(rf'(<DicomAttribute[^>]*tag=\\*"{_TAGS}\\*"[^>]*>).*?(</DicomAttribute>)', re.DOTALL)
_HL7 = re.compile(r"((?:^|\r|\n|\\r|\\n|\x0b)(?:PID|NK1|MRG|GT1|IN1)\|)(?:(?!\\r|\\n)[^\r\n])*")


def without_patient(text: str) -> str:
    """Text (DICOM JSON or XML, HL7 v2, or JSON that holds one of them) without the values that identify a patient."""
    text = _JSON.sub(lambda found: f"{found[1]}]", text)
    text = _XML.sub(lambda found: f"{found[1]}{found[2]}", text)
    return _HL7.sub(lambda found: f"{found[1]}{HIDDEN}", text)


def file_without_patient(content: bytes) -> bytes:
    """A DICOM file without the attributes that identify a patient; what is no DICOM file is left out whole."""
    try:
        dataset = pydicom.dcmread(BytesIO(content))
        for keyword in _KEYWORDS:
            if keyword in dataset:
                setattr(dataset, keyword, HIDDEN if keyword in {"PatientName", "PatientID"} else "")
        written = BytesIO()
        dataset.save_as(written)
    except (InvalidDicomError, OSError, ValueError, TypeError, AttributeError):
        return b""
    return written.getvalue()

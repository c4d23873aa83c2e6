"""Values of DICOM as fields of results: CX, XPN, EI, CE and NM (HL7 2.5.1 chapter 2.A; orders.md section 3)."""

from __future__ import annotations

from decimal import Decimal

from pydicom import Dataset

from profiles.air.errors import require
from profiles.dicom import Code
from profiles.hl7.building import components, subcomponents

_PN_COMPONENTS = 5
_REPRESENTATIONS = "AIP"  # alphabetic, ideographic, phonetic (HL7 table 0465), in the order of the groups of VR PN


def coded(value: Code) -> str:
    """CE: value, meaning, scheme; DICOM takes its designators from HL7 table 0396 (PS3.16 section 8)."""
    return components(value.value, value.meaning, value.scheme)


def number(value: float) -> str:
    """NM: every digit of the value, and no exponent, which NM does not know."""
    return f"{Decimal(repr(float(value))):f}"


def patient_id(attributes: Dataset, authority: str) -> str:
    """PID-3 with its assigning authority: of the patient's attributes, or the one given.

    Raises:
        IllegalResult: when there is no Patient ID or no authority (HL7-055).
    """
    identifier = str(attributes.get("PatientID", "") or "")
    namespace = str(attributes.get("IssuerOfPatientID", "") or "") or authority
    require(bool(identifier), "The result has no Patient ID (PID-3, orders.md 3.2); reconcile the study first.")
    require(
        bool(namespace),
        "The Patient ID names no assigning authority (PID-3.4, HL7-055); name it as Issuer of Patient ID (0010,0021), "
        "or the sender's own as assigning_authority.",
    )
    return f"{components(identifier)}^^^{subcomponents(namespace)}^PI"


def patient_name(name: str) -> str:
    """PID-5: VR PN as XPN; prefix and suffix change places (HL7-054), each group of the name is a repetition."""
    groups = [
        (sign, group) for sign, group in zip(_REPRESENTATIONS, name.split("="), strict=False) if group.strip("^ ")
    ]
    names = []
    for sign, group in groups:
        family, given, middle, prefix, suffix = (group.split("^") + [""] * _PN_COMPONENTS)[:_PN_COMPONENTS]
        names.append(components(family, given, middle, suffix, prefix, "", "L", sign if len(groups) > 1 else ""))
    return "~".join(names)


def accession_number(holder: Dataset) -> str:
    """OBR-18: the accession number, its issuer as subcomponents (orders.md 3.6); the whole of it (HL7-052)."""
    value = str(holder.get("AccessionNumber", "") or "")
    return subcomponents(value, *_issuer(holder, "IssuerOfAccessionNumberSequence")) if value else ""


def order_number(request: Dataset, kind: str) -> str:
    """EI of a placer or filler order number with its issuer.

    Args:
        request: an item of Referenced Request Sequence.
        kind: ``Placer`` or ``Filler``.
    """
    value = str(request.get(f"{kind}OrderNumberImagingServiceRequest", "") or "")
    return components(value, *_issuer(request, f"Order{kind}IdentifierSequence")) if value else ""


def _issuer(holder: Dataset, keyword: str) -> tuple[str, str, str]:
    """Local Namespace Entity ID, Universal Entity ID and its type (HL7-055)."""
    item = (holder.get(keyword) or [Dataset()])[0]
    names = ("LocalNamespaceEntityID", "UniversalEntityID", "UniversalEntityIDType")
    namespace, universal, kind = (str(item.get(name, "") or "") for name in names)
    return namespace, universal, kind

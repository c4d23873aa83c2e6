r"""ORU^R01 from the results of one run (RAD-28, RAD-128; orders.md section 11.1).

Which value stands in which field of 2.3.1 and of 2.5.1 says ``tables/result_fields.csv``; what an ORU cannot carry, and
where everything else of a result stands, says ``tables/result_carried.csv``.

::

    MSH, PID, PV1
    ORC, OBR                       one pair for each request; the first has the observations
      OBX 0 (113014, DCM)          the study
      OBX 0.n                      workitem, result objects, algorithm, what is said of the whole study, key images
      OBX g                        finding g, present (121071) or absent (373572006)
      OBX g.m                      what is said of it: identity, sites, numbers, answers, words
      OBX g.m.k                    what is said of that: side of a site, derivation, uncertainty, limits
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from pydicom import Dataset

from profiles.air import AlgorithmIdentification, IllegalResult, ResultContext, Results
from profiles.air.errors import require
from profiles.air.report_object import procedures_reported
from profiles.air.statements import status_of
from profiles.hl7.building import SegmentContent, build, components, subcomponents
from profiles.hl7.charsets import codec_of
from profiles.hl7.result_observations import observations
from profiles.hl7.result_values import accession_number, coded, order_number, patient_id, patient_name
from profiles.hl7.timestamps import birth_date, format_timestamp
from profiles.tables import read_table

_RESULT = "ORU_R01_PATIENT_RESULT"
_PATIENT = (_RESULT, "ORU_R01_PATIENT")
_LONGEST_CONTROL_ID = 20


@dataclass(frozen=True, slots=True)
class Parties:
    """Who sends results to whom, and in which dialect.

    Attributes:
        sending_application: MSH-3.
        sending_facility: MSH-4.
        receiving_application: MSH-5.
        receiving_facility: MSH-6.
        version: ``2.5.1`` (RAD-128: UIDs as ST) or ``2.3.1`` (RAD-28: UIDs as HD; no OBX-18).
        charset: MSH-18, HL7 table 0211.
        processing_id: MSH-11.
        assigning_authority: of Patient IDs that name none themselves (PID-3.4.1).
    """

    sending_application: str
    sending_facility: str
    receiving_application: str
    receiving_facility: str
    version: str = "2.5.1"
    charset: str = "UNICODE UTF-8"
    processing_id: str = "P"
    assigning_authority: str = ""

    def __post_init__(self) -> None:
        names = (
            self.sending_application,
            self.sending_facility,
            self.receiving_application,
            self.receiving_facility,
        )
        require(all(names), "A sender or receiver has no name (MSH-3 to MSH-6, orders.md 3.1); name all four.")
        require(
            self.version in {"2.3.1", "2.5.1"},
            f"Results are sent by HL7 2.3.1 (RAD-28) or 2.5.1 (RAD-128), not {self.version!r} (orders.md 11.1).",
        )
        require(
            codec_of(self.charset) is not None,
            f"MSH-18 {self.charset!r} is not in HL7 table 0211; name one of it, such as UNICODE UTF-8.",
        )


def oru_r01(
    results: Results,
    context: ResultContext,
    algorithm: AlgorithmIdentification,
    objects: Sequence[Dataset],
    *,
    parties: Parties,
    workitem_uid: str = "",
    sent: datetime | None = None,
) -> bytes:
    """The message that tells a result (ORU^R01 of HL7 2.5.1 or 2.3.1).

    Args:
        results: what the algorithm reports.
        context: what the results are tied to; its standing gives OBR-25 and OBX-11, its first request the order.
        algorithm: what made them (OBX-18, and OBX of their own).
        objects: the results as ``profiles.air.encode`` made them; their UIDs are told.
        parties: sender, receiver and dialect.
        workitem_uid: of the workitem that asked for the results; not told when empty.
        sent: MSH-7 and OBR-22, timezone-aware; the time of the results when not given.

    Returns:
        The octets, each segment ended by CR. The same arguments give the same message and control id (MSH-10).

    Raises:
        IllegalResult: when a field that IHE requires has no value, or a character is not of the character set.
    """
    status = status_of(context)
    common = _common(context, algorithm, sent or context.content_moment())
    segments = [
        _segment("MSH", parties.version, _header(context, parties, status) | common),
        _segment("PID", parties.version, _patient(context, parties), _PATIENT),
        _segment("PV1", parties.version, {"patient_class": "U"}, (*_PATIENT, "ORU_R01_VISIT")),
    ]
    rows = observations(results, context, algorithm, objects, workitem_uid, parties.version)
    for number, request in enumerate(context.requests or (Dataset(),), start=1):
        group = (_RESULT, f"ORU_R01_ORDER_OBSERVATION#{number}")
        order = _order(request, context, number) | common | {"status": status["obr_25"]}
        segments += [_segment("ORC", parties.version, order, group), _segment("OBR", parties.version, order, group)]
        for place, row in enumerate(rows if number == 1 else rows[:1], start=1):
            said = {"status": status["obx_11"], "number": str(place)} | common | row
            segments.append(_segment("OBX", parties.version, said, (*group, f"ORU_R01_OBSERVATION#{place}")))
    return _encoded(segments, parties)


@cache
def _fields(segment: str, version: str) -> tuple[tuple[int, str], ...]:
    """The fields of a segment with the names of their values."""
    rows = [row for row in read_table("profiles.hl7", "result_fields") if row["segment"] == segment]
    return tuple((int(row["field"]), row[version]) for row in rows if row[version])


def _common(context: ResultContext, algorithm: AlgorithmIdentification, sent: datetime) -> dict[str, str]:
    """What several segments tell."""
    observed = context.content_moment()
    return {
        "sent": format_timestamp(sent),
        "sent_here": format_timestamp(sent)[:14],
        "observed": format_timestamp(observed),
        "observed_here": format_timestamp(observed)[:14],
        "analysed": format_timestamp(context.now),
        "algorithm": components(algorithm.name, algorithm.manufacturer[:20], algorithm.device_uid, "ISO"),
    }


def _segment(name: str, version: str, values: dict[str, str], groups: tuple[str, ...] = ()) -> SegmentContent:
    """One segment, by the table of fields."""
    fields = {field: values.get(value, "") for field, value in _fields(name, version)}
    return SegmentContent(name, {number: value for number, value in fields.items() if value}, groups)


def _encoded(segments: Sequence[SegmentContent], parties: Parties) -> bytes:
    try:
        return build("ORU_R01", parties.version, segments, codec_of(parties.charset) or "ascii")
    except UnicodeEncodeError as error:
        raise IllegalResult(
            f"The result has characters that {parties.charset} lacks (MSH-18, HL7 table 0211); "
            "send UNICODE UTF-8 to receivers that read it."
        ) from error


def _header(context: ResultContext, parties: Parties, status: dict[str, str]) -> dict[str, str]:
    names = ("sending_application", "sending_facility", "receiving_application", "receiving_facility")
    named = {name: components(getattr(parties, name)) for name in names}
    # Another status or receiver makes another message, sent again it is the same one (HL7-030 and HL7-066).
    identity = "\x1f".join((context.seed, status["obr_25"], parties.version, *named.values()))
    control_id = hashlib.sha256(identity.encode()).hexdigest()[:_LONGEST_CONTROL_ID].upper()
    return named | {
        "kind": "ORU^R01^ORU_R01" if parties.version == "2.5.1" else "ORU^R01",
        "control_id": control_id,
        "processing_id": parties.processing_id,
        "version": parties.version,
        "charset": parties.charset,
    }


def _patient(context: ResultContext, parties: Parties) -> dict[str, str]:
    attributes = context.attributes
    return {
        "patient_id": patient_id(attributes, parties.assigning_authority),
        "patient_name": patient_name(str(attributes.get("PatientName", "") or "")),
        "birth_date": birth_date(str(attributes.get("PatientBirthDate", "") or ""), context.content_moment()),
        "sex": str(attributes.get("PatientSex", "") or ""),
    }


def _order(request: Dataset, context: ResultContext, number: int) -> dict[str, str]:
    word = context.standing.verification
    accession = accession_number(request) or accession_number(context.attributes)
    require(
        bool(accession),
        "The result has no accession number (OBR-18, RAD TF-2 RAD-128; orders.md 11.1): the receiver could not file "
        "it. Have the order or the images name one.",
    )
    reason = str(request.get("ReasonForTheRequestedProcedure", "") or "")
    parts = (word.observer.split("=")[0].split("^") + [""] * 5)[:5] if word else []
    return {
        "number": str(number),
        "control": "RE",
        "placer": order_number(request, "Placer"),
        "filler": order_number(request, "Filler"),
        "procedure": coded(procedures_reported(context)[0]),
        "accession": accession,
        "requested_procedure_id": components(str(request.get("RequestedProcedureID", "") or "")),
        "modality": components(str(context.images[0].get("Modality", "") or "")),
        "reason": components("", reason),
        "verifier": subcomponents("", parts[0], parts[1], parts[2], parts[4], parts[3]) if parts else "",
    }

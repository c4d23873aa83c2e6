"""Rules for results: ORU^R01 (RAD-28, RAD-128, RAD-132)."""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from conformance.hl7.fields import add_coded
from conformance.hl7.kinds import is_old, names_a_study
from conformance.hl7.message import Message, Segment
from conformance.hl7.standard import NEAREST, VERSIONS, edition
from conformance.rules import Breach, Rulebook

RESULT: Rulebook[Message] = Rulebook("hl7_rules", ["oru"])
IMAGING: Rulebook[Message] = Rulebook("hl7_rules", ["imaging"])

_ONE_COMPONENT = {"ST", "TX", "FT", "NM", "SI", "ID", "IS", "DT", "TM"}
_FINAL = {"F", "P"}
_EARLY = {"R", "I", "S", "O"}

add_coded(RESULT)


@dataclass(frozen=True, slots=True)
class _Report:
    """An OBR with its observations."""

    request: Segment
    observations: tuple[Segment, ...]


def _reports(message: Message) -> Iterator[_Report]:
    request: Segment | None = None
    observations: list[Segment] = []
    for segment in message.segments:
        if segment.name == "OBR":
            if request:
                yield _Report(request, tuple(observations))
            request, observations = segment, []
        elif segment.name == "OBX" and request:
            observations.append(segment)
    if request:
        yield _Report(request, tuple(observations))


@RESULT.rule("HL7-S11-TYPE")
def _datatype(message: Message) -> Iterator[Breach]:
    editions = (edition(message.version), edition(NEAREST), edition(VERSIONS[-1]))
    for segment in message.all("OBX"):
        name = segment.part(2).strip()
        if name and not any(one.is_datatype(name) for one in editions):
            yield segment.at(2), "HL7 has no data type of that name"


@RESULT.rule("HL7-S11-UNTYPED")
def _untyped(message: Message) -> Iterator[Breach]:
    for segment in message.all("OBX"):
        if segment.valued(5) and not segment.part(2).strip():
            yield segment.at(2), "the type of the value is not named"


@RESULT.rule("HL7-S11-ENCAPSULATED")
def _encapsulated(message: Message) -> Iterator[Breach]:
    for segment in message.all("OBX"):
        if segment.part(2).strip() == "ED" and segment.valued(5):
            words = _undecodable(segment.part(5, 4), segment.part(5, 5))
            if words:
                yield segment.at(5), words


def _undecodable(encoding: str, data: str) -> str:
    if encoding not in {"A", "Base64", "Hex"}:
        return "the encoding (fourth component) is not of table 0299"
    try:
        if encoding == "Base64":
            base64.b64decode(re.sub(r"\\\.br\\|\\X0[AD]\\|\s", "", data), validate=True)
        elif encoding == "Hex":
            bytes.fromhex(data)
    except (ValueError, binascii.Error):
        return f"the document cannot be decoded as {encoding}"
    return ""


@RESULT.rule("HL7-065")
def _one_component(message: Message) -> Iterator[Breach]:
    for segment in message.all("OBX"):
        if segment.part(2).strip() in _ONE_COMPONENT and message.by.component in segment.field(5):
            yield segment.at(5), "there are component delimiters in a value of one component"


@RESULT.rule("HL7-S11-UNIT")
def _unit(message: Message) -> Iterator[Breach]:
    for segment in message.all("OBX"):
        if segment.part(2).strip() == "NM" and segment.valued(5) and not segment.valued(6):
            yield segment.at(6), "the number has no unit"


@RESULT.rule("HL7-S11-SUBID")
def _sub_ids(message: Message) -> Iterator[Breach]:
    for report in _reports(message):
        found = Counter((one.field(3), one.field(4)) for one in report.observations)
        again = [one for one in report.observations if found[one.field(3), one.field(4)] > 1]
        if again:
            yield again[0].at(4), f"{len(again)} observations of the OBR cannot be told apart by OBX-3 and OBX-4"


@RESULT.rule("HL7-S11-STUDY")
def _study(message: Message) -> Iterator[Breach]:
    if not any(names_a_study(one) for one in message.all("OBX")):
        yield "", "no OBX names the study that the result is about"


@IMAGING.rule("HL7-S11-UIDTYPE")
def _type_of_uids(message: Message) -> Iterator[Breach]:
    wanted = "HD" if is_old(message) else "ST"
    for segment in message.all("OBX"):
        if names_a_study(segment) and segment.part(2).strip() not in {"", wanted}:
            yield segment.at(2), f"the Study Instance UID is not of type {wanted}"


@IMAGING.rule("HL7-064")
def _unverified(message: Message) -> Iterator[Breach]:
    for report in _reports(message):
        status = report.request.part(25)
        by_software = any(one.valued(18) for one in report.observations)
        if status in _FINAL and by_software and not report.request.valued(32):
            yield report.request.at(25), f"the status is {status}, and OBR-32 names nobody who verified the software"


@IMAGING.rule("HL7-064-OBSERVATION")
def _final_observations(message: Message) -> Iterator[Breach]:
    for report in _reports(message):
        if report.request.part(25) in _EARLY:
            for one in report.observations:
                if one.part(11) == "F":
                    yield one.at(11), f"the observation is final; the result is {report.request.part(25)}"

"""Messages of the harness's own: SOLE events as a reporter sends them, with the header in hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

_SOLE, _RADLEX = "urn:ihe:rad", "RadLex"


@dataclass(frozen=True, slots=True)
class Sent:
    """A syslog message in its parts.

    Attributes:
        content: MSG, octets.
        structured: STRUCTURED-DATA.
    """

    timestamp: str
    content: bytes
    hostname: str = "harness.example.org"
    application: str = "IHE+SOLE"
    process: str = "1"
    message_id: str = "RID45871"
    pri: str = "85"
    version: str = "1"
    structured: str = "-"

    @property
    def raw(self) -> bytes:
        """The whole message."""
        fields = (
            f"<{self.pri}>{self.version}",
            *(self.timestamp, self.hostname, self.application, self.process, self.message_id, self.structured),
        )
        return " ".join(fields).encode() + b" " + self.content


def stamp(at: datetime) -> str:
    """A moment as TIMESTAMP and EventDateTime have it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event(at: datetime, hostname: str, code: str = "RID45871", *, process: str = "1", note: str = "") -> Sent:
    """A SOLE event about a fictional order.

    Args:
        at: when it happened, and when it is told.
        hostname: who tells it.
        code: of the event; its scheme is that of its form.
        process: PROCID.
        note: the accession number; it tells messages apart.
    """
    scheme = _RADLEX if code.startswith("RID") else _SOLE
    root = etree.Element("AuditMessage")
    identification = etree.SubElement(
        root, "EventIdentification", EventActionCode="E", EventDateTime=stamp(at), EventOutcomeIndicator="0"
    )
    _coded(identification, "EventID", "SOLE", "IHE-RAD", "Imaging Operational Event")
    _coded(identification, "EventTypeCode", code, scheme, "event of the harness")
    machine = etree.SubElement(
        root,
        "ActiveParticipant",
        UserID=f"pid-{process}",
        UserIsRequestor="true",
        NetworkAccessPointID=hostname,
        NetworkAccessPointTypeCode="1",
    )
    _coded(machine, "RoleIDCode", "110150", "DCM", "Application")
    etree.SubElement(root, "AuditSourceIdentification", AuditSourceID=hostname)
    order = etree.SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=note or "HARNESS",
        ParticipantObjectTypeCode="2",
        ParticipantObjectTypeCodeRole="20",
    )
    _coded(order, "ParticipantObjectIDTypeCode", "121022", "DCM", "Accession Number")
    etree.SubElement(order, "ParticipantObjectName").text = "order"
    content = etree.tostring(root, encoding="unicode").encode()
    return Sent(stamp(at), content, hostname, process=process, message_id=code)


def _coded(parent: etree._Element, tag: str, code: str, scheme: str, meaning: str) -> None:
    attributes = {"csd-code": code, "codeSystemName": scheme, "originalText": meaning}
    etree.SubElement(parent, tag, attributes)

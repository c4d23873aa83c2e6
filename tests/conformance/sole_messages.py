"""Good SOLE and audit messages, as our encoder makes them and written by hand, and ways to break them one at a time."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from conformance.rules import read_rules
from conformance.sole import check_message
from profiles.sole import Algorithm, OperationalEvent, Outcome, ResultReference, SecurityEvent, Source, Thread
from sole_logging.reporter import audit_message, sole_message

NOW = datetime(2026, 11, 24, 8, 0, 0, 123456, tzinfo=UTC)
SOURCE = Source("task_performer", "ai1.example.org", "77", "Clinic Süd", "2c5e")
READER = Source("image_display", "view1.example.org", "12", "Clinic Süd", "91aa")
THREAD = Thread("MRN1^^^&1.2.3&ISO", "A-1", "P-1", "F-1", "2.25.7", "2.25.8")
SEG = ResultReference("1.2.840.10008.5.1.4.1.1.66.4", "2.25.9")
RULES = read_rules("sole_rules")


def event(step, outcome=Outcome.SUCCESS, after=0.0, thread=THREAD, source=SOURCE, **more):
    """The syslog message of one event, some seconds after the beginning."""
    at = NOW + timedelta(seconds=after)
    told = OperationalEvent(
        step,
        at,
        thread,
        outcome,
        occurrence="1",
        performer="AIPERF1",
        algorithm=Algorithm("brain extraction", "1.0.2") if step.startswith("inference") else None,
        details={"Priority": "HIGH", "ReasonCode": "110501^DCM^Equipment failure"},
        description="the archive refused it" if outcome else "",
        **more,
    )
    return sole_message(told, source, at)


def ended():
    """The end of inference, with a result and everything else that an event can carry."""
    return event("inference-ended", results=(SEG,))


def audited(kind="query", **more):
    """The syslog message of a security event."""
    told = {"query": "PatientID=*"} if kind in ("query", "searched") else {}
    return audit_message(SecurityEvent(kind, NOW, address="127.0.0.1", target="/events", **told, **more), SOURCE, NOW)


def signed():
    """A report is signed: a person, a machine, a patient, an order, a study and a room. Written by hand."""
    header = b"<85>1 2026-03-02T08:14:07.311Z ris.rad.example.org IHE+SOLE 2231 RID45924 - "
    return header + b"".join(line.strip() + (b"" if line.endswith(b">") else b" ") for line in SIGNED.splitlines())


SIGNED = b"""<AuditMessage>
<EventIdentification EventActionCode="E" EventDateTime="2026-03-02T09:14:07.250+01:00" EventOutcomeIndicator="0">
<EventID csd-code="SOLE" codeSystemName="IHE-RAD" originalText="Imaging Operational Event"/>
<EventTypeCode csd-code="RID45924" codeSystemName="RadLex" originalText="Final report approved"/>
</EventIdentification>
<ActiveParticipant UserID="E40817" AlternativeUserID="NPI-0000000000" UserIsRequestor="true">
<RoleIDCode csd-code="121098" codeSystemName="DCM" originalText="Verifying"/>
</ActiveParticipant>
<ActiveParticipant UserID="pid-2231" AlternativeUserID="AETITLES=RISREPORT" UserIsRequestor="false"
NetworkAccessPointTypeCode="1" NetworkAccessPointID="ris.rad.example.org">
<RoleIDCode csd-code="110150" codeSystemName="DCM" originalText="Application"/>
</ActiveParticipant>
<AuditSourceIdentification AuditEnterpriseSiteID="North Campus" AuditSourceID="ris.rad.example.org">
<AuditSourceTypeCode csd-code="4"/>
</AuditSourceIdentification>
<ParticipantObjectIdentification ParticipantObjectID="MRN00042^^^&amp;2.999.1.2&amp;ISO"
ParticipantObjectTypeCode="1" ParticipantObjectTypeCodeRole="1">
<ParticipantObjectIDTypeCode csd-code="121025" codeSystemName="DCM" originalText="Patient"/>
<ParticipantObjectName></ParticipantObjectName>
</ParticipantObjectIdentification>
<ParticipantObjectIdentification ParticipantObjectID="A-2026-000317"
ParticipantObjectTypeCode="2" ParticipantObjectTypeCodeRole="20">
<ParticipantObjectIDTypeCode csd-code="121022" codeSystemName="DCM" originalText="Accession Number"/>
<ParticipantObjectName>order</ParticipantObjectName>
</ParticipantObjectIdentification>
<ParticipantObjectIdentification ParticipantObjectID="2.999.7.31.4"
ParticipantObjectTypeCode="2" ParticipantObjectTypeCodeRole="3">
<ParticipantObjectIDTypeCode csd-code="110180" codeSystemName="DCM" originalText="Study Instance UID"/>
<ParticipantObjectName>study</ParticipantObjectName>
</ParticipantObjectIdentification>
<ParticipantObjectIdentification ParticipantObjectID="Reading Room 2"
ParticipantObjectTypeCode="3" ParticipantObjectTypeCodeRole="2">
<ParticipantObjectIDTypeCode csd-code="SOLE51" codeSystemName="urn:ihe:rad" originalText="Location of Event"/>
<ParticipantObjectName>Reading Room 2</ParticipantObjectName>
<ParticipantObjectDetail type="Location-encoding" value="Tm9ydGggQ2FtcHVzIHJvb21z"/>
<ParticipantObjectDetail type="Location" value="UmVhZGluZyBSb29tIDI="/>
</ParticipantObjectIdentification>
</AuditMessage>
"""


def split(raw):
    """Header and document."""
    place = raw.index(b"<AuditMessage")
    return raw[:place], raw[place:]


def header(raw, *, field, value):
    """The message with another text in a field of its header: 0 is PRI and VERSION, 6 STRUCTURED-DATA."""
    start, document = split(raw)
    fields = start.split(b" ")
    fields[field] = value
    return b" ".join(fields) + document


def document(raw, change):
    """The message after a change to its document: a function of the root."""
    start, text = split(raw)
    root = etree.fromstring(text)
    change(root)
    return start + etree.tostring(root, encoding="unicode").encode()


def setting(raw, path, **attributes):
    """The message with other attributes of the first element there; None takes one away, ``_`` stands for ``-``."""

    def change(root):
        found = root.find(path)
        for name, value in attributes.items():
            if value is None:
                del found.attrib[name.replace("_", "-")]
            else:
                found.set(name.replace("_", "-"), value)

    return document(raw, change)


def without(raw, path):
    """The message without the first element there."""

    def change(root):
        found = root.find(path)
        found.getparent().remove(found)

    return document(raw, change)


def adding(raw, path, text):
    """The message with one more element below the first one there."""
    return document(raw, lambda root: (root.find(path) if path else root).append(etree.fromstring(text)))


def an_object(identifier, code, kind, role, *details):
    """One more participant object, as text."""
    told = "".join(
        f'<ParticipantObjectDetail type="{name}" value="{base64.b64encode(value.encode()).decode()}"/>'
        for name, value in details
    )
    value, scheme = code
    return (
        f'<ParticipantObjectIdentification ParticipantObjectID="{identifier}" ParticipantObjectTypeCode="{kind}" '
        f'ParticipantObjectTypeCodeRole="{role}"><ParticipantObjectIDTypeCode csd-code="{value}" '
        f'codeSystemName="{scheme}" originalText="some meaning"/><ParticipantObjectName/>{told}'
        "</ParticipantObjectIdentification>"
    )


def frame(message, count=None, zeros=""):
    """One octet-counted frame."""
    return f"{zeros}{len(message) if count is None else count} ".encode() + message


def as_event(raw):
    """A message as a member of a RAD-124 body."""
    start, text = split(raw)
    pri, timestamp, hostname, application, process, message_id, _ = start.decode().split(" ", 6)
    return {
        "Pri": pri[1:].partition(">")[0],
        "Version": "1",
        "Timestamp": timestamp,
        "Hostname": hostname,
        "App-name": application,
        "Procid": process,
        "Msg-id": message_id,
        "Msg": text.decode(),
    }


def bulk(*events):
    """A RAD-124 body."""
    return json.dumps({"Events": list(events)}).encode()


def broken(raw):
    """The rules that a message breaks."""
    return sorted({found.rule for found in check_message(raw, "message")})


class Defects:
    """Defects by the rule that each breaks: the table of one test module."""

    def __init__(self):
        self.rows = []

    def breaks(self, rule):
        """Decorator: what this function returns breaks that rule, and no other."""

        def keep(defect):
            self.rows.append((rule, defect))
            return defect

        return keep

    def parameters(self):
        """``rule`` and ``defect``, each with the requirement that it proves."""
        return [
            pytest.param(
                rule,
                defect,
                id=f"{rule}-{defect.__name__}",
                marks=pytest.mark.requirement(re.match(r"SOLE-\d+", rule)[0]),
            )
            for rule, defect in self.rows
        ]

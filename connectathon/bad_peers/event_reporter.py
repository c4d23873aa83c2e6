"""Event Reporters with one defect each."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from connectathon.bad_peers.defects import defect

ACTOR = "event_reporter"


def _spoil_messages(change: Callable[[bytes], bytes]) -> None:
    """From now on every SOLE message passes through a function before it is kept for sending."""
    from sole_logging import reporter

    honest = reporter.sole_message

    def dishonest(*args: Any) -> bytes:
        return change(honest(*args))

    vars(reporter)["sole_message"] = dishonest


def _spoil_frames(frame: Callable[[bytes], bytes]) -> None:
    """From now on messages are framed by this function."""
    from sole_logging import connection

    vars(connection)["frame"] = frame


def _timed(message: bytes, ahead: float) -> bytes:
    """The message as of now, or so many seconds ahead."""
    moment = (datetime.now(UTC) + timedelta(seconds=ahead)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return re.sub(rb'EventDateTime="[^"]*"', f'EventDateTime="{moment}"'.encode(), message)


def _replacing(pattern: str, replacement: str) -> Callable[[bytes], bytes]:
    found = re.compile(pattern.encode(), re.DOTALL)
    return lambda message: found.sub(replacement.encode(), message)


@defect("event-no-version", ACTOR, "the header has version 0", fails=("SOLE-REP-001",))
def _no_version() -> None:
    _spoil_messages(_replacing(r"^<(\d+)>1 ", r"<\1>0 "))


@defect("event-local-timestamp", ACTOR, "TIMESTAMP has no zone", fails=("SOLE-REP-001",))
def _local_timestamp() -> None:
    _spoil_messages(_replacing(r"^(<\d+>1 \S+?)Z ", r"\1 "))


@defect("event-audit-msgid", ACTOR, "MSGID is that of security audit messages", fails=("SOLE-REP-001",))
def _audit_message_id() -> None:
    _spoil_messages(_replacing(r"^((?:\S+ ){5})\S+ ", r"\1IHE+RFC-3881 "))


@defect("event-product-name", ACTOR, "APP-NAME is that of the product", fails=("SOLE-REP-001",))
def _product_name() -> None:
    _spoil_messages(_replacing(r"IHE\+SOLE ", "Stepwell "))


@defect("event-counted-in-characters", ACTOR, "frames are counted in characters", fails=("SOLE-REP-002",))
def _characters() -> None:
    _spoil_frames(lambda message: f"{len(message.decode())} ".encode() + message)


@defect("event-line-end-between-frames", ACTOR, "a line end follows each frame", fails=("SOLE-REP-002",))
def _line_ends() -> None:
    _spoil_frames(lambda message: f"{len(message)} ".encode() + message + b"\n")


@defect("event-without-count", ACTOR, "messages are lines without a count", fails=("SOLE-REP-002",))
def _lines() -> None:
    _spoil_frames(lambda message: message + b"\n")


@defect("event-cut-datagram", ACTOR, "datagrams are cut at 1024 octets", fails=("SOLE-REP-003",))
def _cut_datagram() -> None:
    from connectathon import event_source

    event_source.datagram_of = lambda message: message[:1024]


@defect("event-old-attributes", ACTOR, "codes have the attribute name of RFC 3881", fails=("SOLE-REP-004",))
def _old_attributes() -> None:
    _spoil_messages(_replacing(r'<(EventID|EventTypeCode|RoleIDCode) csd-code="', r'<\1 code="'))


@defect("event-source-last", ACTOR, "the source stands behind the objects", fails=("SOLE-REP-004",))
def _source_last() -> None:
    _spoil_messages(
        _replacing(r"(<AuditSourceIdentification.*</AuditSourceIdentification>)(.*)</Audit", r"\2\1</Audit")
    )


@defect("event-clear-details", ACTOR, "details are not in base64", fails=("SOLE-REP-004",))
def _clear_details() -> None:
    _spoil_messages(_replacing(r'type="Priority" value="[^"]*"', 'type="Priority" value="high!"'))


@defect("event-kept-silent", ACTOR, "one of the declared events is never reported", fails=("SOLE-REP-005",))
def _silent() -> None:
    from sole_logging.reporter import EventReporter

    honest = EventReporter.report
    EventReporter.report = (  # type: ignore[method-assign]
        lambda self, event: "" if event.step == "inference-ended" else honest(self, event)
    )


@defect("event-other-scheme", ACTOR, "the codes of events are of a scheme of its own", fails=("SOLE-REP-005",))
def _other_scheme() -> None:
    _spoil_messages(_replacing(r'(SOLE115" codeSystemName)="urn:ihe:rad"', r'\1="local"'))


@defect("event-created", ACTOR, "EventActionCode is C", fails=("SOLE-REP-005",))
def _created() -> None:
    _spoil_messages(_replacing('EventActionCode="E"', 'EventActionCode="C"'))


@defect("event-no-address", ACTOR, "machines have no network address", fails=("SOLE-REP-006",))
def _no_address() -> None:
    _spoil_messages(_replacing(r' NetworkAccessPoint\w+="[^"]*"', ""))


@defect("event-all-asked", ACTOR, "every participant is the requestor", fails=("SOLE-REP-006",))
def _all_asked() -> None:
    _spoil_messages(_replacing('UserIsRequestor="false"', 'UserIsRequestor="true"'))


@defect("event-study-as-job", ACTOR, "the study has the role of a job", fails=("SOLE-REP-007",))
def _study_as_job() -> None:
    _spoil_messages(_replacing(r'"3"(><ParticipantObjectIDTypeCode csd-code="110180")', r'"20"\1'))


@defect("event-plain-patient", ACTOR, "the patient's id is not in CX form", fails=("SOLE-REP-007",))
def _plain_patient() -> None:
    _spoil_messages(_replacing(r'(ParticipantObjectID="[^"^]*)\^\^\^[^"]*"', r'\1"'))


@defect("event-two-patients", ACTOR, "a message tells of two patients", fails=("SOLE-REP-007",))
def _two_patients() -> None:
    patient = (
        r'(<ParticipantObjectIdentification [^>]*><ParticipantObjectIDTypeCode csd-code="121025".*?Identification>)'
    )
    _spoil_messages(_replacing(patient, r"\1\1"))


@defect("event-no-workitem", ACTOR, "events do not name their workitem", warns=("SOLE-REP-008",))
def _no_workitem() -> None:
    _spoil_messages(_replacing(r'urn:oid:[0-9.]+|<ParticipantObjectDetail type="UPSInstanceUID"[^>]*>', ""))


@defect("event-stored-too-late", ACTOR, "events of a workitem have their times mixed up", warns=("SOLE-REP-008",))
def _mixed_up() -> None:
    _spoil_messages(lambda message: _timed(message, 0.9) if b"AIX101" in message else message)


@defect("event-clock-ahead", ACTOR, "the clock is half a minute ahead", warns=("SOLE-REP-009",))
def _clock_ahead() -> None:
    _spoil_messages(lambda message: _timed(message, 30))


@defect("event-local-time", ACTOR, "the time of an event has no zone", warns=("SOLE-REP-009",))
def _local_time() -> None:
    _spoil_messages(_replacing(r'(EventDateTime="[^"Z]*)Z"', r'\1"'))


@defect("event-forgetful", ACTOR, "what happens while the repository is away is lost", warns=("SOLE-REP-010",))
def _forgetful() -> None:
    from sole_logging.reporter import EventReporter

    honest = EventReporter.report

    def report(self: EventReporter, event: Any) -> str:
        away = any(_is_free(one.host, one.port) for one in self.targets)
        return "" if away else honest(self, event)

    EventReporter.report = report  # type: ignore[method-assign]


def _is_free(host: str, port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


@defect("event-time-of-sending", ACTOR, "the time of an event is that of its sending", warns=("SOLE-REP-010",))
def _time_of_sending() -> None:
    from profiles.sole.syslog import frame

    _spoil_frames(lambda message: frame(_timed(message, 0)))


@defect("event-only-ascii", ACTOR, "letters beyond ASCII become question marks", warns=("SOLE-REP-011",))
def _only_ascii() -> None:
    _spoil_messages(lambda message: message.decode().encode("ascii", "replace"))


@defect("event-escaped-twice", ACTOR, "markup is escaped twice", warns=("SOLE-REP-011",))
def _escaped_twice() -> None:
    _spoil_messages(_replacing("&", "&amp;"))


@defect("event-byte-order-mark", ACTOR, "a byte order mark stands before the document", warns=("SOLE-REP-011",))
def _byte_order_mark() -> None:
    _spoil_messages(_replacing(" - <AuditMessage", " - \ufeff<AuditMessage"))


@defect("event-always-well", ACTOR, "failures are told as successes", warns=("SOLE-REP-012",))
def _always_well() -> None:
    _spoil_messages(_replacing('EventOutcomeIndicator="8"', 'EventOutcomeIndicator="0"'))


@defect("event-no-reason", ACTOR, "cancellation is told without its reason", warns=("SOLE-REP-012",))
def _no_reason() -> None:
    _spoil_messages(_replacing(r'<ParticipantObjectDetail type="ReasonCode"[^>]*>', ""))

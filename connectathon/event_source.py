"""An Event Reporter alone in a process, which reports what it is told to: the system under test of our own runs.

``python -m connectathon.event_source PEER DATA_DIR TARGET`` takes commands (see :mod:`connectathon.commanded`). PEER is
a bad peer of ``event_reporter``, or ``good``; TARGET is ``host``, ``port``, ``udp_port`` and, for TLS,
``tls`` with the files ``authority``, ``certificate`` and ``key``, as JSON.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from actors.shared.logs import configure_logging
from actors.shared.reporting import source_for
from actors.shared.settings import CommonSettings
from conformance.harness import Instruction
from connectathon.bad_peers import bad_peers
from connectathon.commanded import Remote, commanded, obey
from connectathon.fiction import new_order
from profiles.dicom import new_uid
from profiles.sole import Algorithm, OperationalEvent, Outcome, ResultReference, Thread, steps
from sole_logging import Certificates, EventReporter, Spool, Target, Timing, Transport
from sole_logging.datagrams import Datagrams
from sole_logging.reporter import sole_message
from sole_logging.spool import Spooled

ACTOR = "event_reporter"
_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_LIFE = (
    *("workitem-created", "workitem-claimed", "images-requested", "images-retrieved", "inference-started"),
    *("inference-ended", "result-stored", "workitem-completed"),
)
_REASONS = {Outcome.SUCCESS: "110513^DCM^Discontinued for unspecified reason"}
_FAILURE = "110501^DCM^Equipment failure"


def datagram_of(message: bytes) -> bytes:
    """What a datagram holds: one whole message."""
    return message


class Source:
    """Reports steps of one fictional study after another."""

    def __init__(self, data_dir: Path, target: Mapping[str, Any]) -> None:
        common = CommonSettings(data_dir=data_dir, site="Clinic Süd")
        certificates = {key: Path(path) for key, path in target.get("tls", {}).items()}
        self._datagrams = (target["host"], int(target.get("udp_port", 0)))
        spool = Spool(data_dir / "events.sqlite")
        self._numbers = count(1)
        self._reporter = EventReporter(
            source_for(ACTOR, common, spool.instance),
            spool,
            Target(target["host"], target["port"], Certificates(**certificates) if certificates else None),
            timing=Timing(confirm_seconds=0.2, backoff_seconds=0.5, flush_seconds=1.0),
        )
        self._reporter.start()

    def close(self) -> None:
        """Send what can be sent."""
        self._reporter.close()

    def cause(self, code: str, number: str = "", workitem: str = "", outcome: int = 0) -> bool:
        """Report the step that has this code."""
        step = next(row.key for row in steps().values() if row.codes[0].code == code)
        order = new_order()
        thread = Thread(
            patient_id=f"{order.patient_id}^^^CLINIC",
            accession_number=number or order.accession_number,
            study_instance_uid=order.study_instance_uid,
            workitem_uid=workitem or new_uid(),
        )
        self.report(step, thread, Outcome(outcome))
        return True

    def datagram(self, code: str) -> bool:
        """Send one event in a datagram (RFC 5426), beside the reporter of this source, which has a connection."""
        step = next(row.key for row in steps().values() if row.codes[0].code == code)
        now = datetime.now(UTC)
        thread = Thread("1^^^CLINIC", new_order().accession_number, "", "", new_uid(), new_uid())
        message = datagram_of(sole_message(OperationalEvent(step, now, thread), self._reporter.source, now))
        host, port = self._datagrams
        near, far = socket.socketpair()
        with near, far, closing(Datagrams(Target(host, port, transport=Transport.UDP), near)) as link:
            link.deliver([Spooled(1, "", now, message)])
        return True

    def life(self) -> bool:
        """Report all steps of one workitem."""
        thread = Thread("1^^^CLINIC", new_order().accession_number, "", "", new_uid(), new_uid())
        for step in _LIFE:
            self.report(step, thread, Outcome.SUCCESS)
        return True

    def report(self, step: str, thread: Thread, outcome: Outcome) -> None:
        """Report one step."""
        inference = step.startswith("inference")
        self._reporter.report(
            OperationalEvent(
                step=step,
                at=datetime.now(UTC),
                thread=thread,
                outcome=outcome,
                occurrence=str(next(self._numbers)),
                performer="AIPERF1",
                algorithm=Algorithm("head mask", "1.0") if inference else None,
                results=(ResultReference(_SEGMENTATION, new_uid()),) if step == "result-stored" else (),
                details={"Priority": "HIGH", "ReasonCode": _REASONS.get(outcome, _FAILURE)},
                description="the performer gave up" if outcome else "",
            )
        )


def main() -> None:
    """Do as told until the standard input ends."""
    peer, data_dir, target = sys.argv[1:4]
    configure_logging(ACTOR)
    if peer != "good":
        bad_peers(ACTOR)[peer].spoil()
    from connectathon import event_source as spoilt  # noqa: PLW0406 - where bad peers find it; this is __main__

    source = spoilt.Source(Path(data_dir), json.loads(target))
    obey(source)
    source.close()


@contextmanager
def event_source(data_dir: Path, target: Mapping[str, Any], peer: str = "good") -> Iterator[Remote]:
    """The process, until the block is left."""
    arguments = (peer, str(data_dir), json.dumps(dict(target)))
    with commanded("connectathon.event_source", data_dir / "source.log", *arguments) as remote:
        yield remote


def actions(source: Remote) -> dict[str, Callable[[Instruction], bool]]:
    """What the harness may ask of an Event Reporter."""
    return {
        "cause-event": lambda asked: source.tell(do="cause", code=asked.values["code"]),
        "cause-event-udp": lambda asked: source.tell(do="datagram", code=asked.values["code"]),
        "cause-event-with-text": lambda asked: source.tell(do="cause", code="RID45895", number=asked.values["number"]),
        "run-workitem": lambda _: source.tell(do="life"),
        "cancel-because-of-error": lambda _: source.tell(do="cause", code="AIX106", outcome=8),
        "cancel-on-request": lambda _: source.tell(do="cause", code="AIX106"),
    }


if __name__ == "__main__":
    main()

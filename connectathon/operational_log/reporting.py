"""A source of the made-up hospital alone in a process: it reports the day's events by number, as it is told to.

``python -m connectathon.operational_log.reporting DATA_DIR TARGET SEED STUDIES`` takes commands (see
:mod:`connectathon.commanded`); TARGET is ``host``, ``port``, ``read_back_url`` and the files of ``tls``, as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

from actors.shared.logs import configure_logging
from actors.shared.reporting import source_for
from actors.shared.settings import CommonSettings
from connectathon.commanded import obey
from connectathon.operational_log.hospital import Hospital
from connectathon.operational_log.log import operational_log
from profiles.sole import Algorithm, OperationalEvent, Outcome, Thread
from profiles.sole.catalogue import event_code, step_of, steps
from sole_logging import Certificates, EventReporter, Spool, Target, Timing
from sole_logging.measures.entry import LogEntry

_ONE_DAY = timedelta(days=1)


def steps_of_a_day(seed: int, studies: int) -> list[OperationalEvent]:
    """The steps of our walk that happen on the first day of a hospital, duplicates among them."""
    hospital = Hospital(seed, studies / 1.2)  # a Monday has more than the mean
    end = hospital.begin + _ONE_DAY
    return list(_steps(takewhile(lambda one: one.received_at < end, operational_log(hospital))))


def _steps(entries: Iterator[LogEntry]) -> Iterator[OperationalEvent]:
    for one in entries:
        codes = [event_code(code) for code in one.codes]
        if step := step_of(codes):
            known = {code.code for code in steps()[step].codes}
            yield OperationalEvent(
                step,
                one.at,
                Thread("", one.accession, "", "", one.study, one.workitem),
                Outcome(one.outcome),
                one.event_id,
                one.performer,
                Algorithm(one.engine, one.engine_version) if one.engine else None,
                details={"Priority": one.priority, "Modality": one.modality} if one.priority else {},
                codes=tuple(code for code in one.codes if code not in known),
                person=one.person,
            )


class Reporting:
    """Reports the events of the day."""

    def __init__(self, data_dir: Path, target: dict[str, Any], events: list[OperationalEvent]) -> None:
        spool = Spool(data_dir / "events.sqlite")
        certificates = Certificates(**{name: Path(path) for name, path in target.pop("tls").items()})
        source = source_for("hospital", CommonSettings(data_dir=data_dir), spool.instance)
        timing = Timing(confirm_seconds=0.2, resend_seconds=2.0, backoff_seconds=0.5)
        self._events = events
        self._reporter = EventReporter(source, spool, Target(certificates=certificates, **target), timing=timing)
        self._reporter.start()

    def report(self, number: int) -> str:
        """Report one event, and tell its id once it is durable."""
        return self._reporter.report(self._events[number])

    def waiting(self) -> int:
        """How many messages are not confirmed yet."""
        return self._reporter.waiting

    def close(self) -> None:
        """End."""
        self._reporter.close()


def main() -> None:
    """Do as told until the standard input ends."""
    data_dir, target, seed, studies = sys.argv[1:5]
    configure_logging("hospital", "WARNING")
    reporting = Reporting(Path(data_dir), json.loads(target), steps_of_a_day(int(seed), int(studies)))
    obey(reporting)
    reporting.close()


if __name__ == "__main__":
    main()

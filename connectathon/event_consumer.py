"""A small Event Consumer: it asks ITI-82 for a range of time, and says what it has understood.

``python -m connectathon.event_consumer PEER URL`` takes commands (see :mod:`connectathon.commanded`). PEER is a bad
peer of ``event_consumer``, or ``good``; URL is that of the repository.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

import httpx

from conformance.harness import Instruction
from connectathon.bad_peers import bad_peers
from connectathon.commanded import Remote, commanded, obey
from profiles.errors import BadInput
from profiles.sole import catalogue, parse

ACTOR = "event_consumer"
_PAGE = 4000
_START, _END = "SOLE114", "SOLE115"


class Consumer:
    """Asks, and keeps what the last answer said."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.events: list[tuple[datetime, str, str]] = []
        self.error = ""

    def ask(self, start: str, stop: str) -> bool:
        """Ask for the SOLE events from a time to a time."""
        self.events, self.error = [], ""
        try:
            with httpx.Client(timeout=30, trust_env=False) as client:
                while self._page(client, start, stop) == _PAGE:
                    pass
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            self.events, self.error = [], f"{type(error).__name__}: {error}"
        return True

    def _page(self, client: httpx.Client, start: str, stop: str) -> int:
        """Take one more page; how many messages it had."""
        answer = client.get(f"{self.url}/syslogsearch?{self.query(start, stop)}")
        answer.raise_for_status()
        rows: list[dict[str, str]] = answer.json()["Events"]
        for row in rows:
            try:
                read = parse(row["Msg"].encode())
            except BadInput:
                continue
            if read.codes and read.at:
                self.take(self.moment(read.at, row), read.codes[0].code, read.thread.accession_number)
        return len(rows)

    def query(self, start: str, stop: str) -> str:
        """The parameters of the next page."""
        page = [("_count", _PAGE), ("_offset", len(self.events))]
        return urlencode([("date", f"ge{start}"), ("date", f"le{stop}"), ("app-name", "IHE+SOLE"), *page])

    def moment(self, at: datetime, row: dict[str, str]) -> datetime:
        """When an event happened: never when it was told."""
        del row
        return at

    def take(self, at: datetime, code: str, accession: str) -> None:
        """Keep one event, whatever its code."""
        self.events.append((at, code, accession))

    def shows(self, codes: str) -> bool:
        """Whether these codes are among what it knows."""
        told = {code for _, code, _ in self.events if code in catalogue()}
        return not self.error and set(codes.split(",")) <= told

    def counts(self, count: str) -> bool:
        """Whether it has so many events."""
        return not self.error and len(self.events) == int(count)

    def failed(self) -> bool:
        """Whether it says that the query failed."""
        return bool(self.error)

    def took(self, accession: str, minutes: str) -> bool:
        """Whether post-processing took so long, by the times of its events."""
        at = {code: moment for moment, code, number in sorted(self.events) if number == accession}
        return {_START, _END} <= set(at) and (at[_END] - at[_START]).total_seconds() == 60 * int(minutes)


def actions(consumer: Remote) -> dict[str, Callable[[Instruction], bool]]:
    """What the harness may ask of an Event Consumer, and of who looks at it."""
    return {
        "ask-events": lambda told: consumer.tell(do="ask", start=told.values["from"], stop=told.values["to"]),
        "see-events": lambda told: consumer.tell(do="shows", codes=told.values["codes"]),
        "count-events": lambda told: consumer.tell(do="counts", count=told.values["count"]),
        "see-failure": lambda _: consumer.tell(do="failed"),
        "see-duration": lambda told: consumer.tell(
            do="took", accession=told.values["accession"], minutes=told.values["minutes"]
        ),
    }


@contextmanager
def event_consumer(folder: Path, url: str, peer: str = "good") -> Iterator[Remote]:
    """The process, until the block is left."""
    with commanded("connectathon.event_consumer", folder / "consumer.log", peer, url) as remote:
        yield remote


def main() -> None:
    """Do as told until the standard input ends."""
    peer, url = sys.argv[1:3]
    if peer != "good":
        bad_peers(ACTOR)[peer].spoil()
    from connectathon import event_consumer as spoilt  # noqa: PLW0406 - where bad peers find it; this is __main__

    obey(spoilt.Consumer(url))


if __name__ == "__main__":
    main()

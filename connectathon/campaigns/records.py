"""What the clients of a Task Manager know by themselves: what it acknowledged to them, and what it told them."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field

_LOOK_UP_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim that was acknowledged."""

    performer: str
    transaction_uid: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Heard:
    """An event report as a subscriber got it: its Message ID and the workitem."""

    message_id: int
    workitem_uid: str


class Records:
    """Kept by clients in their own threads, and looked at when all is over.

    Attributes:
        created: UIDs of workitems whose creation was acknowledged.
        claims: acknowledged claims by workitem; more than one is a defect.
        progress: the last progress that was acknowledged, by workitem.
        completed: who got the completion acknowledged, by workitem.
        heard: event reports by subscriber, in order of arrival, repetitions included.
        unanswered: requests that got no answer and were sent again.
        lost_races: claims that somebody else was faster with.
        acknowledged: number of changes that were answered with success.
    """

    def __init__(self) -> None:
        self.created: set[str] = set()
        self.claims: dict[str, list[Claim]] = defaultdict(list)
        self.progress: dict[str, int] = {}
        self.completed: dict[str, str] = {}
        self.heard: dict[str, list[Heard]] = defaultdict(list)
        self.unanswered = 0
        self.lost_races = 0
        self.acknowledged = 0
        self._changed = threading.Condition()

    def acknowledge_creation(self, uid: str) -> None:
        """A creation was answered."""
        with self._changed:
            self.created.add(uid)
            self._count()

    def acknowledge_claim(self, uid: str, claim: Claim) -> None:
        """A claim was answered with success."""
        with self._changed:
            self.claims[uid].append(claim)
            self._count()

    def acknowledge_progress(self, uid: str, percent: int) -> None:
        """An update of progress was answered."""
        with self._changed:
            self.progress[uid] = percent
            self._count()

    def acknowledge_completion(self, uid: str, performer: str) -> None:
        """A completion was answered."""
        with self._changed:
            self.completed[uid] = performer
            self._count()

    def hear(self, subscriber: str, report: Heard) -> None:
        """An event report arrived."""
        with self._changed:
            self.heard[subscriber].append(report)

    def lose_race(self) -> None:
        """Somebody else was faster with a claim."""
        with self._changed:
            self.lost_races += 1

    def miss_answer(self) -> None:
        """A request was not answered."""
        with self._changed:
            self.unanswered += 1

    def _count(self) -> None:
        self.acknowledged += 1
        self._changed.notify_all()

    def wait_for(self, acknowledged: int, over: threading.Event) -> None:
        """Return when so many changes were acknowledged, or when it is over."""
        with self._changed:
            while self.acknowledged < acknowledged and not over.is_set():
                self._changed.wait(_LOOK_UP_SECONDS)

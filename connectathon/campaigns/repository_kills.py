"""kill -9 of the Event Repository and of those who report to it, during a day of a hospital."""

from __future__ import annotations

import json
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from actors.shared import pki
from connectathon.campaigns.evidence import Outcome
from connectathon.campaigns.mortal import Mortal
from connectathon.commanded import Remote, commanded
from connectathon.operational_log.reporting import steps_of_a_day
from connectathon.waiting import eventually, free_port

FULL_SIZE = 1000
KILLS, FEWEST_KILLS = 10, 3
REPORTERS = 3
_LONGEST_OUTAGE = 120
_LIMIT_SECONDS = 1800.0
_MODULE = "connectathon.operational_log.reporting"


class Reporter:
    """One reporting process, killed and started again on the same spool; it remembers what was acknowledged to it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._folder, self._arguments = folder, arguments
        self._stack = ExitStack()
        self._remote: Remote | None = None
        self.reported: list[str] = []

    def start(self) -> None:
        """Start, and wait until it is ready."""
        self._folder.mkdir(parents=True, exist_ok=True)
        remote = commanded(_MODULE, self._folder / "reporter.log", str(self._folder), *self._arguments)
        self._remote = self._stack.enter_context(remote)

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._remote:
            self._remote.process.kill()
            self._stack.close()

    def report(self, number: int) -> None:
        """Have an event reported; it is durable then."""
        self.reported.append(self._tell(do="report", number=number))

    def killed_over(self, number: int) -> None:
        """Have an event reported, be killed before that can be acknowledged, and report it again."""
        if self._remote and self._remote.process.stdin:
            self._remote.process.stdin.write(json.dumps({"do": "report", "number": number}) + "\n")
            self._remote.process.stdin.flush()
        self.kill()
        self.start()
        self.report(number)

    def waiting(self) -> int:
        """How many messages are not confirmed yet."""
        return int(self._tell(do="waiting"))

    def close(self) -> None:
        """End it in order."""
        self._stack.close()

    def _tell(self, **command: object) -> str:
        if not self._remote or (answer := self._remote.tell(**command)) is None:
            raise RuntimeError(f"the reporter is gone: {self._folder / 'reporter.log'}")
        return str(answer)


def run(size: int, seed: int, folder: Path, say: Callable[[str], None] = lambda _words: None) -> Outcome:
    """Report a day of so many studies while the repository is killed ten times, and reporters are, too.

    Args:
        size: number of studies.
        seed: of the day, and of who is killed when.
        folder: for data, configuration and logs.
        say: told how it goes on.

    Returns:
        What was counted, and every promise that was broken.
    """
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    events = range(len(steps_of_a_day(seed, size)))
    kills = max(FEWEST_KILLS, min(KILLS, size * KILLS // FULL_SIZE))
    moments = chance.sample(events, kills + kills // 2)
    deaths, others = frozenset(moments[:kills]), frozenset(moments[kills:])
    with _repository(folder) as (repository, target), ExitStack() as stack:
        reporters = [
            Reporter(folder / f"reporter{number}", target, str(seed), str(size)) for number in range(REPORTERS)
        ]
        for one in reporters:
            one.start()
            stack.callback(one.close)
        _report(events, reporters, repository, (deaths, others), seed, say)
        eventually(lambda: not sum(one.waiting() for one in reporters), _LIMIT_SECONDS, "all events to be confirmed")
        database = repository.data / "event_repository" / "events.sqlite"
        eventually(lambda: _all_read(database), _LIMIT_SECONDS, "all messages to be read")
        stored = _stored(database)
    findings = judge([one.reported for one in reporters], stored)
    counts: dict[str, int | str] = {
        "studies": size,
        "kills of the repository": len(deaths),
        "kills of reporters": len(others),
        "reports that were acknowledged": sum(len(one.reported) for one in reporters),
        "different events among them": len({event for one in reporters for event in one.reported}),
        "events stored": len(stored),
    }
    return Outcome("repository-kills", seed, counts, tuple(findings))


def _report(
    events: Sequence[int],
    reporters: Sequence[Reporter],
    repository: Mortal,
    moments: tuple[frozenset[int], frozenset[int]],
    seed: int,
    say: Callable[[str], None],
) -> None:
    """Report all events in turn; at some something is killed, and the repository stays away for a while."""
    chance, (deaths, deaths_of_reporters) = random.Random(seed), moments  # noqa: S311 - nothing secret
    returns: int | None = None
    for number in events:
        reporter = reporters[chance.randrange(len(reporters))]
        if number in deaths_of_reporters:
            say(f"a reporter is killed at event {number}")
            reporter.killed_over(number)
        else:
            reporter.report(number)
        if number in deaths and returns is None:
            say(f"the repository is killed at event {number}")
            repository.kill()
            returns = number + chance.randrange(_LONGEST_OUTAGE)
        elif number in deaths:
            repository.start()
            repository.kill()
        if returns is not None and number >= returns:
            repository.start()
            returns = None
    if returns is not None:
        repository.start()


@contextmanager
def _repository(folder: Path) -> Iterator[tuple[Mortal, str]]:
    """The repository, running, and the target of its reporters as JSON."""
    pki.init(folder / "pki", "Campaign")
    port, syslog = free_port(), free_port()
    sides = {
        side: {
            "authority": str(folder / "pki" / "authority.pem"),
            "certificate": str(folder / "pki" / f"{side}.pem"),
            "key": str(folder / "pki" / f"{side}.key"),
        }
        for side in ("server", "client")
    }
    own: dict[str, str | int] = {"port": port, "syslog_port": syslog}
    repository = Mortal("event_repository", folder, {"event_repository": own, "event_repository.tls": sides["server"]})
    target = {"host": "127.0.0.1", "port": syslog, "read_back_url": f"http://127.0.0.1:{port}", "tls": sides["client"]}
    repository.start()
    try:
        yield repository, json.dumps(target)
    finally:
        repository.stop()


def _all_read(database: Path) -> bool:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)) as connection:
        (last,) = connection.execute("SELECT max(number) FROM message").fetchone()
        (read,) = connection.execute("SELECT number FROM log_state WHERE name = 'projected'").fetchone()
    return bool(read >= (last or 0))


def _stored(database: Path) -> list[str]:
    """The ids of all operational events, in the order in which they were first stored."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)) as connection:
        asked = "SELECT event_id FROM event WHERE family = 'sole' ORDER BY number"
        return [str(row[0]) for row in connection.execute(asked)]


def judge(reported: Sequence[Sequence[str]], stored: Sequence[str]) -> Iterator[str]:
    """What was broken of the promise that all that was reported is stored, each event once, in order of each source.

    Args:
        reported: the ids that each source was acknowledged, in order.
        stored: the ids of all stored events, in order.
    """
    wanted = {event for one in reported for event in one}
    counted = Counter(stored)
    if missing := wanted - set(counted):
        yield f"{len(missing)} of {len(wanted)} events were reported and are not stored"
    if more := set(counted) - wanted:
        yield f"{len(more)} events are stored that nobody reported"
    if twice := [event for event, number in counted.items() if number > 1]:
        yield f"{len(twice)} events are stored more than once"
    place = {event: number for number, event in enumerate(stored)}
    for number, some in enumerate(reported, 1):
        first = [place[event] for event in dict.fromkeys(some) if event in place]
        if first != sorted(first):
            yield f"the events of source {number} are not in the order in which they were reported"

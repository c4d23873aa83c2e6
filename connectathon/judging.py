"""Run a suite of the harness against one of our own actors, and compare the verdicts with those expected."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from conformance.harness import Evidence, Instruction, NobodyThere, Suite, Verdict, run
from conformance.harness.events import TestEnded
from conformance.harness.operators import FunctionOperator
from connectathon.bad_peers import BadPeer
from profiles.tables import read_table

Actions = Mapping[str, Callable[[Instruction], bool | None]]
#: Our own actors answer at once; what they do of themselves may take a moment on a busy machine.
_OTHERS = 2
_TURNS = 8
LIMITS = {"answer_seconds": 20.0, "reaction_seconds": 20.0, "quiet_seconds": 0.2}


def judge(
    suite: Suite,
    declaration: Mapping[str, Any],
    folder: Path,
    actions: Actions | None = None,
    begins: Sequence[str] = (),
) -> dict[str, TestEnded]:
    """Run a suite.

    Args:
        suite: of the actor.
        declaration: as the TOML file would have it; ``system`` and ``limits`` are added when they are not there.
        folder: for the evidence; made when it is not there.
        actions: what an operator can do, by the action's name.
        begins: only cases whose ids begin so; all of them unless given.

    Returns:
        How each case ended, by its id.
    """
    told = {"system": {"name": suite.title}, "limits": LIMITS, **declaration}
    declared = suite.declaration.model_validate(told)
    operator = FunctionOperator(actions) if actions else NobodyThere()
    cases = [case for case in suite.cases if not begins or case.id.startswith(tuple(begins))]
    events = run(suite, declared, operator, Evidence(folder), cases)
    return {event.case.id: event for event in events if isinstance(event, TestEnded)}


def cases_for(suite: Suite, peer: BadPeer, slow: Sequence[str] = ()) -> list[str]:
    """Which cases a bad peer is judged by: those that must see its defect, and a few of all others.

    With ``STEPWELL_WHOLE_SUITES`` set it is all of them, as in the campaign ``bad-peers``; otherwise each peer meets
    others, so that all peers together meet the whole suite.

    Args:
        suite: of the peer's actor.
        peer: the bad peer.
        slow: ids that are left out unless they must see the defect.
    """
    expected = {*peer.fails, *peer.warns}
    ids = [case.id for case in suite.cases if case.id not in slow or case.id in expected]
    if os.environ.get("STEPWELL_WHOLE_SUITES"):
        return ids
    others = [name for name in ids if name not in expected]
    start = zlib.crc32(peer.name.encode())
    few = (
        {others[(start + number * len(others) // _OTHERS) % len(others)] for number in range(_OTHERS)}
        if others
        else set()
    )
    return [name for name in ids if name in expected or name in few]


def met_here(peers: Iterable[str]) -> list[str]:
    """The bad peers that the tests meet: one of eight, always the same; all with ``STEPWELL_WHOLE_SUITES`` set."""
    names = sorted(peers)
    if os.environ.get("STEPWELL_WHOLE_SUITES"):
        return names
    return [name for name in names if zlib.crc32(name.encode()) % _TURNS == 0] or names[:1]


def unlike_verified(ended: Mapping[str, TestEnded]) -> list[str]:
    """Rows that ``conformance/tables/verified.csv`` should have and has not; the statements rest on that table.

    What does not apply in one run may have been shown in another.
    """
    told = {row["test"]: row["verdict"] for row in read_table("conformance", "verified")}
    applies = {name: event.verdict for name, event in ended.items() if event.verdict is not Verdict.OMIT}
    return [f"{name},{verdict}" for name, verdict in applies.items() if told.get(name) != verdict]


def broken(ended: Mapping[str, TestEnded]) -> list[str]:
    """What did not pass (and applies), one line for each, to be read when a test fails."""
    return [
        f"{event.verdict} {name}: {event.reason} "
        + "; ".join(f"{one.text} (found: {one.found})" for one in event.assertions if not one.holds)
        for name, event in ended.items()
        if event.verdict not in {Verdict.PASS, Verdict.OMIT}
    ]


def unexpected(ended: Mapping[str, TestEnded], peer: BadPeer, good: Mapping[str, Verdict] | None = None) -> list[str]:
    """Cases that a bad peer did not end as expected; empty when the judge sees exactly the defect.

    Args:
        ended: the run against the bad peer.
        peer: with its expected verdicts; every other case must end as with the good actor.
        good: how cases end with the good actor, where that is not ``pass`` or ``omit``.
    """
    expected = {**(good or {}), **dict.fromkeys(peer.fails, Verdict.FAIL), **dict.fromkeys(peer.warns, Verdict.WARN)}
    lines = []
    for name, event in ended.items():
        wanted = {expected[name]} if name in expected else {Verdict.PASS, Verdict.OMIT}
        if event.verdict not in wanted:
            why = "; ".join(f"{one.text} (found: {one.found})" for one in event.assertions if not one.holds)
            lines.append(f"{name} ended as {event.verdict}, expected {'/'.join(sorted(wanted))}: {event.reason} {why}")
    return lines

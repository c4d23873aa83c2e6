"""Campaign ``bad-peers``: every bad peer is judged by the whole suite of its actor, not by a share of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from lxml import etree

from connectathon.bad_peers import bad_peers
from connectathon.campaigns.evidence import Outcome
from profiles.errors import Unavailable

#: Suites are not cut into sizes: the campaign is run as often as it is told.
FULL_SIZE = 1
_ROOT = Path(__file__).parents[2]
_TESTS = _ROOT / "tests" / "conformance" / "suites"


def run(size: int, seed: int, folder: Path, say: Callable[[str], None]) -> Outcome:
    """Judge them all.

    Args:
        size: how often.
        seed: of nothing; nothing here is left to chance.
        folder: for what the judge writes.
        say: told how far it is.

    Raises:
        Unavailable: outside a checkout, where the tests are not.
    """
    if not _TESTS.is_dir():
        raise Unavailable("The bad peers are judged by tests; run the campaign from a checkout.")
    files = sorted(_TESTS.glob("test_*bad_peers.py"))
    findings: list[str] = []
    judged = 0
    for turn in range(size):
        for file in files:
            say(f"{turn + 1} of {size}: {file.name}")
            passed, broken = _judge(file, folder / f"{turn}-{file.stem}")
            judged += passed + len(broken)
            findings += broken
    counts: dict[str, int | str] = {"bad peers judged": judged}
    peers = Counter(peer.actor for peer in bad_peers().values())
    counts |= {f"bad peers of the {actor.replace('_', ' ')}": number for actor, number in sorted(peers.items())}
    return Outcome("bad-peers", seed, counts, tuple(findings))


def _judge(file: Path, folder: Path) -> tuple[int, list[str]]:
    """How many peers got exactly the expected verdicts, and which did not."""
    folder.mkdir(parents=True)
    results = folder / "results.xml"
    command = [sys.executable, "-m", "pytest", "-q", "--all-tiers", "-p", "no:cacheprovider", "--no-header", str(file)]
    subprocess.run(
        [*command, f"--junit-xml={results}", f"--basetemp={folder / 'work'}"],
        cwd=_ROOT,
        env={**os.environ, "STEPWELL_WHOLE_SUITES": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if not results.is_file():
        return 0, [f"{file.name} could not be run"]
    passed, broken = 0, []
    for case in etree.parse(results).iter("testcase"):
        trouble = next((child for child in case if child.tag in {"failure", "error"}), None)
        if trouble is None:
            passed += 1
        else:
            broken.append(f"{case.get('name')}: {(trouble.get('message') or '')[:300]}")
    return passed, broken

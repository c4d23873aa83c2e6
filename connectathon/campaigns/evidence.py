"""The report of a campaign: what was run, from which commit and seed, on what kind of machine, and what came of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psutil

_ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a campaign.

    Attributes:
        name: of the campaign.
        seed: it was run with.
        counts: what was counted, by what it is.
        findings: every promise that was broken.
    """

    name: str
    seed: int
    counts: Mapping[str, int | str]
    findings: tuple[str, ...]


def report(outcome: Outcome, promises: str, day: date) -> str:
    """The report as Markdown.

    Args:
        outcome: of the campaign.
        promises: what it puts to the test, in a sentence or two.
        day: when it was run.
    """
    broken = len(outcome.findings)
    verdict = f"**Promises broken: {broken}.**" if broken else "**Every promise was kept.**"
    lines = [
        f"# Campaign {outcome.name}",
        "",
        promises,
        "",
        f"{verdict} Run it again: `scripts/campaign {outcome.name} --seed {outcome.seed}`",
        "",
        "| What | Value |",
        "|---|---|",
        f"| commit | {_commit()} |",
        f"| seed | {outcome.seed} |",
        f"| date | {day.isoformat()} |",
        f"| machine | {_machine()} |",
        *(f"| {name} | {value} |" for name, value in outcome.counts.items()),
    ]
    if outcome.findings:
        lines += ["", "## What was broken", "", *(f"- {finding}" for finding in outcome.findings)]
    return "\n".join(lines) + "\n"


def _commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=_ROOT, check=False, capture_output=True, text=True)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return f"{git('rev-parse', '--short=12', 'HEAD')}{' with local changes' if changed else ''}"


def _machine() -> str:
    cores, memory = len(os.sched_getaffinity(0)), psutil.virtual_memory().total / 2**30
    return f"{cores} cores, {memory:.0f} GiB of memory"

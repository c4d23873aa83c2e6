"""``python -m connectathon.campaigns NAME``: run a campaign, and write its report."""

from __future__ import annotations

import secrets
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from actors.shared.logs import configure_logging
from connectathon.campaigns import (
    bad_peers,
    demo_kills,
    hl7_burst,
    hl7_fuzz,
    hl7_load,
    repository_kills,
    repository_measures,
    task_manager_kills,
)
from connectathon.campaigns.evidence import report

CAMPAIGNS: dict[str, Any] = {
    "task-manager-kills": task_manager_kills,
    "demo-kills": demo_kills,
    "bad-peers": bad_peers,
    "hl7-burst": hl7_burst,
    "hl7-fuzz": hl7_fuzz,
    "hl7-load": hl7_load,
    "measures-10m": repository_measures,
    "repository-kills": repository_kills,
}
PROMISES = {
    "bad-peers": "Every bad peer, one of our own actors with one defect, is judged by the whole suite of its actor. "
    "The judge fails or warns exactly in the tests that are there to see that defect, and in no other.",
    "demo-kills": "Studies go the whole way from HL7 order to stored result while an actor of the department, any of "
    "them, is killed with SIGKILL at a random moment during each. Every study ends COMPLETED once, with one workitem, "
    "one SEG and one SR, and with all of its events in the log, each once.",
    "hl7-burst": "New orders come over eight connections, each as fast as it is answered. Every one is answered AA, "
    "each is one order afterwards, none is lost or doubled, and memory grows by at most 100 MiB.",
    "hl7-fuzz": "Orders with random faults come in frames, some of them after noise or after a message that its sender "
    "gave up. Each frame is answered once, with an acknowledgment and never with an internal error; memory grows by at "
    "most 150 MiB, and the Task Requester takes a good order afterwards (HL7-009, HL7-075).",
    "hl7-load": "ORM^O01 come at a steady rate of 50 a second, whether those before were answered or not. Each is "
    "answered AA, and 99 of 100 in less than 500 ms from the moment when they were due (HL7-074).",
    "measures-10m": "A year of a hospital's events, with some lost, late, doubled and told by wrong clocks, goes into "
    "the fact table. Every measure, of the whole and of one day, as one group, by each stratum, by day and by month, "
    "equals what a plain computation finds in the same events as a file: counts, sums, means and shares exactly, "
    "percentiles and maxima of more than 20,000 cases within 1 %.",
    "repository-kills": "The Event Repository is killed with SIGKILL ten times and stays away for a while, and those "
    "who report to it are killed, too, while the events of a day are reported over mutual TLS. Afterwards the events "
    "stored equal the events whose report was acknowledged, each is stored once, and those of a source in their order.",
    "task-manager-kills": "The Task Manager is killed with SIGKILL at random moments while workitems are created, "
    "claimed, updated and completed over REST and followed over WebSockets. Afterwards every change that was "
    "acknowledged is in the store, no workitem was won twice, and every event of the outbox has reached every "
    "subscriber at least once, in order for each workitem.",
}


def main(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(CAMPAIGNS)}.")],
    seed: Annotated[int | None, typer.Option(help="The same moments again; a random one when not given.")] = None,
    size: Annotated[
        int | None, typer.Option(help="Another number of workitems or studies than the full one.", min=1)
    ] = None,
    report_to: Annotated[Path | None, typer.Option(help="Folder for the report, NAME.md.")] = None,
) -> None:
    """Run a campaign; exit status 1 when a promise was broken."""
    if name not in CAMPAIGNS:
        raise typer.BadParameter(f"There is no campaign {name!r}; there are {', '.join(CAMPAIGNS)}.")
    campaign, seed = CAMPAIGNS[name], secrets.randbelow(2**32) if seed is None else seed
    configure_logging("campaign", "WARNING")
    typer.echo(f"{name}: seed {seed}", err=True)
    with tempfile.TemporaryDirectory(prefix="stepwell-campaign-") as folder:
        outcome = campaign.run(
            size or campaign.FULL_SIZE, seed, Path(folder), lambda words: typer.echo(words, err=True)
        )
    written = report(outcome, PROMISES[name], datetime.now(UTC).date())
    typer.echo(written)
    if report_to:
        report_to.mkdir(parents=True, exist_ok=True)
        (report_to / f"{name}.md").write_text(written, encoding="utf-8")
    sys.exit(1 if outcome.findings else 0)


if __name__ == "__main__":
    typer.run(main)

"""``python -m connectathon.bad_peers.watching NAME …``: our own commands of a watcher, good or with one defect.

What follows the name is what is typed after ``stepwell``; or ``receive PORT AE_TITLE``, which takes event reports over
DIMSE and prints them as ``stepwell ups watch --json`` does.
"""

from __future__ import annotations

import json
import sys

from connectathon.bad_peers.defects import bad_peers


def main() -> None:
    """Spoil, and do what was asked."""
    name, *asked = sys.argv[1:]
    if name != "good":
        bad_peers("watcher")[name].spoil()
    if asked[0] == "receive":
        _receive(int(asked[1]), asked[2])
        return
    from stepwell.cli import main as stepwell

    sys.argv = ["stepwell", *asked]
    stepwell()


def _receive(port: int, ae_title: str) -> None:
    from actors.shared.serving import stop_signals
    from actors.shared.ups_dimse.receiver import EventReceiver

    with stop_signals() as stopped, EventReceiver(ae_title, port=port) as receiver:
        print("listening", flush=True)  # noqa: T201 - its output
        for event in receiver.events(stopped):
            told = {"event": event.kind, "workitem": event.workitem_uid, "information": event.information}
            print(json.dumps(told), flush=True)  # noqa: T201 - its output


if __name__ == "__main__":
    main()

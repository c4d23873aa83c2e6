"""Our own Event Reporter and Event Repository, good and bad, as systems under test."""

from contextlib import contextmanager

from actors.shared import pki
from conformance.harness.registry import suite
from connectathon.event_source import event_source
from connectathon.judging import judge
from connectathon.waiting import free_port

CODES = ["RID45871", "SOLE112", "SOLE115", "AIX103"]


def side(folder, name):
    return {
        key: str(folder / f"{file}")
        for key, file in (("authority", "authority.pem"), ("certificate", f"{name}.pem"), ("key", f"{name}.key"))
    }


@contextmanager
def judged_reporter(folder, peer="good"):
    """A running Event Reporter, and a function that judges it."""
    pki.init(folder / "pki", "Test")
    port = free_port()
    target = {"host": "127.0.0.1", "port": port, "tls": side(folder / "pki", "client")}
    with event_source(folder / "source", target, peer) as source:
        yield lambda begins=(): judge(
            suite("event_reporter"),
            {
                "repository": {"port": port, "tls": side(folder / "pki", "server")},
                "events": {"codes": CODES},
                "options": ["workflow", "cancellation"],
            },
            folder / "evidence",
            source.actions,
            begins,
        )

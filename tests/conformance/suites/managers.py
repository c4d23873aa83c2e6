"""Our own Task Manager, good and bad, as the system under test."""

from contextlib import ExitStack, contextmanager

from conformance.harness.registry import suite
from connectathon.bad_peers.running import running
from connectathon.judging import cases_for, judge
from connectathon.waiting import free_port

OPTIONS = ["xml", "fuzzy", "filtered-subscription", "push"]
#: Tests with hundreds of workitems; bad peers are judged by them only where these must see something.
LARGE = ("AIWI-TM-056.rest", "AIWI-TM-082.rest")
SUITE = suite("task_manager")


class ManagerUnderTest:
    """A Task Manager that an operator can start again on the same data and ports."""

    def __init__(self, folder, peer="good", **settings):
        self.folder, self.peer = folder, peer
        self.port, self.dimse_port, self.events_port, self.push_port = (free_port() for _ in range(4))
        self.settings = {
            "port": self.port,
            "dimse_port": self.dimse_port,
            "contract_seconds": 0.2,
            "peers": {
                "HARNESS": {"host": "127.0.0.1", "port": self.events_port},
                "HARNESS_PUSH": {"push_url": f"http://127.0.0.1:{self.push_port}/ups-rs"},
            },
            **settings,
        }
        self.running = ExitStack()

    def start(self):
        self.running.enter_context(running("task_manager", self.folder / "data", self.peer, **self.settings))

    def restart(self, _asked=None):
        self.running.close()
        self.start()
        return True

    @property
    def declaration(self):
        return {
            "rest": {"base_url": f"http://127.0.0.1:{self.port}/ups-rs", "keeps_events": True},
            "dimse": {"port": self.dimse_port, "ae_title": "STEPWELL_TM", "harness_port": self.events_port},
            "performer": {"port": self.push_port, "station": "HARNESS_PUSH"},
            "transports": ["rest", "dimse"],
            "options": OPTIONS,
        }

    def judge(self, begins=()):
        return judge(SUITE, self.declaration, self.folder / "evidence", {"restart": self.restart}, begins)


@contextmanager
def judged_task_manager(folder, peer="good", **settings):
    """A running Task Manager, and a function that judges it."""
    manager = ManagerUnderTest(folder, peer, **settings)
    with manager.running:
        manager.start()
        yield manager.judge


def cases_against(peer):
    """The cases by which a bad peer is judged: over DIMSE too, if its defect is there too."""
    over = tuple({case.rpartition(".")[2] for case in (*peer.fails, *peer.warns)} | {"rest"})
    return [name for name in cases_for(SUITE, peer, slow=LARGE) if name.endswith(over)]

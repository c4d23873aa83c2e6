"""Our own Task Requester, good and bad, before the judge of its two roles."""

import socket
from contextlib import contextmanager

from conformance.harness.registry import suite
from conformance.partners.mllp import framed
from conformance.partners.objects import Study
from conformance.partners.orders import Order, Parties, imaging_order
from connectathon.bad_peers.running import running
from connectathon.judging import judge
from connectathon.waiting import eventually, free_port

#: small studies, so that many of them can be played
RULES = """
[[rule]]
name = "head-mr"
means = "an MR of the head"
when = '"MR" in modalities and "HEAD" in body_parts'
series = 'modality == "MR" and images >= 1'
workitem_code = { value = "BRAINSEG", scheme = "99STEPWELL", meaning = "Brain extraction and volume" }
station_class = { value = "BRAIN", scheme = "99STEPWELL", meaning = "Brain engines" }
label = "Brain extraction and volume"
priority = "MEDIUM"
"""


@contextmanager
def judged_requester(folder, peer="good", by_user=False):
    """A running Task Requester, and a function that judges it in a role; a user may act where orders would."""
    mllp, worklist, archive = free_port(), free_port(), free_port()
    rules = folder / "rules.toml"
    folder.mkdir(exist_ok=True)
    rules.write_text(RULES)
    settings = {
        "mllp_port": mllp,
        "archive_url": f"http://127.0.0.1:{archive}/dicom-web",
        "task_manager_url": f"http://127.0.0.1:{worklist}/ups-rs",
        "rules": str(rules),
        "quiet_seconds": 0.4,
        "poll_seconds": 0.1,
        "slowest_poll_seconds": 0.5,
    }
    declaration = {
        "hl7": {"port": 0 if by_user else mllp},
        "worklist": {"port": worklist},
        "archive": {"port": archive},
        "procedure": {"images": 4},
        "options": ["image-trigger"],
    }
    with running("task_requester", folder / "data", peer, **settings):
        log = folder / "data.task_requester.log"
        shown = {
            "is-outcome-shown": lambda told: (
                _says(log, "cancel-requested", told) and not _says(log, '"requested"', told)
            ),
            "is-modification-shown": lambda told: _says(log, "workitem-modified", told),
        }
        user = {"request-task": _orders(mllp, "NW", "SC"), "cancel-task": _orders(mllp, "CA", "CA")}
        looking = {action: _for_a_while(look) for action, look in shown.items()}
        yield lambda role, begins=(): judge(suite(role), declaration, folder / role, user | looking, begins)


def _orders(port, control, status):
    """What the user of a system does who writes orders and cancels them."""

    def act(told):
        about = told.values
        study = Study(patient_id=about["patient"], accession=about["accession"], uid=about["study"])
        order = Order(study, priority=about["priority"], number=study.accession[-8:])
        message = imaging_order(order, Parties(), control=control, status=status)
        with socket.create_connection(("127.0.0.1", port), 20) as connection:
            connection.sendall(framed(message))
            return b"MSA|AA" in connection.recv(65536)

    return act


def _for_a_while(look):
    """Look as a person would: again, until it is there."""

    def patiently(told):
        try:
            return eventually(lambda: look(told), 5.0)
        except TimeoutError:
            return False

    return patiently


def _says(log, words, told):
    """Whether the log says something of a workitem."""
    return any(told.values["workitem"] in line and words in line for line in log.read_text().splitlines())

"""Systems that wait for images to be announced, before the judge: a good one and others (HL7-108)."""

import httpx
import pytest
from pynetdicom import AE, evt

from conformance.harness import Verdict
from conformance.harness.registry import suite
from conformance.partners.attributes import put
from conformance.partners.mllp import MllpReceiver
from conformance.suites.hl7_receiver.sending import acknowledgement
from connectathon.judging import judge
from connectathon.waiting import free_port

NOTIFICATION = "1.2.840.10008.5.1.4.33"


class Intake:
    """Takes any order, and creates a workitem for every study that is announced."""

    def __init__(self, worklist, *, status=0x0000, creates=True, ready="READY", takes=NOTIFICATION):
        self.worklist, self.status, self.creates, self.ready = worklist, status, creates, ready
        self.orders = MllpReceiver("127.0.0.1", free_port(), lambda message: acknowledgement(message, "AA"))
        self.orders.start()
        self.entity, self.port = AE(ae_title="RECEIVER"), free_port()
        self.entity.add_supported_context(takes)
        handlers = [(evt.EVT_N_CREATE, self._announced)]
        self.server = self.entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)

    def close(self):
        self.orders.close()
        self.server.shutdown()

    def _announced(self, event):
        study = event.attribute_list.StudyInstanceUID
        workitem = put(put({}, "StudyInstanceUID", study), "ProcedureStepState", "SCHEDULED")
        if self.ready:
            put(workitem, "InputReadinessState", self.ready)
        if self.creates:
            headers = {"Content-Type": "application/dicom+json"}
            httpx.post(f"{self.worklist}/workitems", json=[workitem], headers=headers, trust_env=False)
        return self.status, None


@pytest.fixture
def judging(tmp_path):
    """Judges one intake."""
    opened = []

    def play(port=None, **about):
        worklist, archive = free_port(), free_port()
        intake = Intake(f"http://127.0.0.1:{worklist}/ups-rs", **about)
        opened.append(intake)
        declaration = {
            "hl7": {"port": intake.orders.port},
            "worklist": {"port": worklist},
            "archive": {"port": archive},
            "notifications": {"port": intake.port if port is None else port},
            "options": ["availability-notification"],
            "limits": {"answer_seconds": 5, "reaction_seconds": 1, "quiet_seconds": 0.1},
        }
        return judge(suite("hl7_receiver"), declaration, tmp_path / "evidence", begins=["HL7-108"])["HL7-108"]

    yield play
    for one in opened:
        one.close()


def broken(ended):
    return [one.text for one in ended.assertions if not one.holds]


@pytest.mark.requirement("HL7-108")
def test_a_system_that_makes_a_workitem_of_announced_images_passes(judging):
    ended = judging()
    assert (ended.verdict, broken(ended)) == (Verdict.PASS, [])


@pytest.mark.requirement("HL7-108")
@pytest.mark.parametrize(
    ("defect", "words"),
    [
        ({"creates": False}, "a workitem is created for the study"),
        ({"status": 0x0110}, "the notification is taken"),
        ({"ready": "INCOMPLETE"}, "its inputs are READY"),
        ({"ready": ""}, "its inputs are READY"),
        ({"takes": "1.2.840.10008.1.1"}, "the system answers, in bounded time and size, by the protocol"),
    ],
    ids=["deaf", "refusing", "never-ready", "without-readiness", "another-service"],
)
def test_a_system_that_does_not_is_seen(judging, defect, words):
    ended = judging(**defect)
    assert (ended.verdict, broken(ended)) == (Verdict.FAIL, [words])


def test_without_an_address_the_test_is_left_out(judging):
    assert judging(port=0).verdict is Verdict.SKIP

"""Associations of the harness's own keep what is said, and end in bounded time and size whatever the system does."""

import threading
from contextlib import contextmanager

import pytest
from pydicom import Dataset
from pynetdicom import AE, evt

from conformance.harness import Verdict
from conformance.harness.declaration import Limits
from conformance.partners import associations
from conformance.partners.associations import PULL, PUSH, VERIFICATION, associated
from conformance.partners.storage import Address
from connectathon.waiting import free_port

STATE = {"00741000": {"vr": "CS", "Value": ["IN PROGRESS"]}}
CONTEXTS = [PUSH, PULL, VERIFICATION]


@contextmanager
def system(*handlers, contexts=(PUSH, PULL, VERIFICATION), **about):
    """A UPS SCP with some handlers."""
    entity = AE(ae_title="SYSTEM")
    for one in contexts:
        entity.add_supported_context(one)
    for name, value in about.items():
        setattr(entity, name, value)
    server = entity.start_server(("127.0.0.1", port := free_port()), block=False, evt_handlers=list(handlers))
    try:
        yield Address("127.0.0.1", port, "SYSTEM")
    finally:
        server.shutdown()
        entity.shutdown()


def asking(address, ask, contexts=CONTEXTS):
    def body(trial, _stage):
        with associated(trial, address, "HARNESS", contexts) as association:
            outcome = ask(association)
            trial.must(outcome.ok, outcome.words, outcome.words, outcome.evidence)

    return body


def found(_event):
    state = Dataset()
    state.ProcedureStepState = "IN PROGRESS"
    return 0x0000, state


def test_what_was_asked_and_answered_is_kept(judged):
    with system((evt.EVT_N_GET, found), (evt.EVT_N_SET, lambda _event: (0xC301, None))) as address:
        result = judged(
            asking(address, lambda association: association.get("1.2.3", ["00741000"])),
            asking(address, lambda association: association.set("1.2.3", STATE)),
            asking(address, lambda association: association.echo()),
        )
    assert [test.verdict for test in result.tests] == [Verdict.PASS, Verdict.FAIL, Verdict.PASS]
    assert result.tests[1].broken[0].found == "status C301"
    assert '"IN PROGRESS"' in next(judged.evidence.folder.rglob("*02-dimse.json")).read_text()


def test_a_search_keeps_every_answer_and_can_be_canceled(judged):
    def endless(event):
        while not event.is_cancelled:
            yield 0xFF00, found(event)[1]
        yield 0xFE00, None

    outcomes = []

    def ask(association):
        outcomes.append(association.find(STATE, PULL, cancel=True))
        return association.echo()

    with system((evt.EVT_C_FIND, endless)) as address:
        assert judged(asking(address, ask)).verdict is Verdict.PASS
    assert (outcomes[0].status, set(outcomes[0].statuses[:-1])) == ("FE00", {"FF00"})
    assert len(outcomes[0].datasets) == len(outcomes[0].statuses) - 1


def test_a_search_without_end_is_given_up(judged, monkeypatch):
    def endless(event):
        while True:
            yield 0xFF00, found(event)[1]

    monkeypatch.setattr(associations, "_MOST", 50)
    with system((evt.EVT_C_FIND, endless)) as address:
        result = judged(asking(address, lambda association: association.find(STATE)))
    assert result.tests[0].verdict is Verdict.FAIL
    assert result.tests[0].broken[0].found == "status FF00"


def test_an_answer_without_end_is_cut(judged):
    def huge(_event):
        answer = Dataset()
        answer.add_new("PixelData", "OW", bytes(8_000_000))
        return 0x0000, answer

    with system((evt.EVT_N_GET, huge)) as address:
        result = judged(
            asking(address, lambda association: association.get("1.2.3", ["00400400"])),
            limits=Limits(answer_seconds=20, answer_bytes=200_000),
        )
    assert result.tests[0].verdict is Verdict.FAIL
    assert "no answer" in result.tests[0].broken[0].found


def test_an_answer_that_cannot_be_read_fails_the_system(judged):
    def garbage(_event):
        answer = Dataset()
        answer.add_new("InstanceNumber", "LO", "many")
        return 0x0000, answer

    with system((evt.EVT_N_GET, garbage)) as address:
        result = judged(asking(address, lambda association: association.get("1.2.3", ["00200013"])))
    assert result.tests[0].verdict is Verdict.FAIL
    assert "cannot be read" in result.tests[0].broken[0].found


def test_a_system_that_hangs_is_not_waited_for_longer_than_declared(judged):
    released = threading.Event()

    def hangs(_event):
        released.wait(60)
        return 0x0000, None

    with system((evt.EVT_N_SET, hangs)) as address:
        result = judged(
            asking(address, lambda association: association.set("1.2.3", STATE)), limits=Limits(answer_seconds=0.3)
        )
        released.set()
    assert result.tests[0].verdict is Verdict.FAIL
    assert result.tests[0].broken[0].evidence


@pytest.mark.parametrize(
    ("about", "contexts"), [({"require_called_aet": ["OTHER"], "ae_title": "OTHER"}, CONTEXTS), ({}, [PULL])]
)
def test_a_refused_association_or_context_fails_the_system(judged, about, contexts):
    with system(contexts=[PUSH], **about) as address:
        result = judged(asking(address, lambda association: association.set("1.2.3", STATE), contexts))
    assert result.tests[0].verdict is Verdict.FAIL
    assert result.tests[0].broken[0].evidence


def test_nobody_there_fails_the_system(judged):
    result = judged(asking(Address("127.0.0.1", free_port(), "SYSTEM"), lambda association: association.echo()))
    assert result.tests[0].verdict is Verdict.FAIL

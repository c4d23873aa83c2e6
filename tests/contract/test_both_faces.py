"""UPS-RS and UPS over DIMSE are one server state by two protocols (PS3.4 CC.1): the same rules, seen on either."""

import threading
from typing import ClassVar

import pytest
from pynetdicom.sop_class import UnifiedProcedureStepPush

from actors.shared.ups_dimse.dataset import to_dataset
from connectathon.workitems import STATION, new_workitem, performed
from profiles.dicom import get, new_uid, put, put_codes, put_items, tag_of, text
from profiles.errors import BadInput, Conflict, NotFound
from profiles.tables import read_table
from profiles.ups.events import UPS_PUSH
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION
from tests.contract.conftest import DIMSE_WATCHER
from tests.contract.dimse import code, now, without

CELLS = read_table("profiles.ups", "transitions")
NAMES = [
    {"Alphabetic": "Müller^Jörg"},
    {"Alphabetic": "Иванов^Пётр"},
    {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"},
]


@pytest.mark.parametrize("cell", CELLS, ids=[cell["id"] for cell in CELLS])
@pytest.mark.requirement("AIWI-TM-077", *(cell["id"] for cell in CELLS))
def test_each_cell_of_the_transition_table_is_answered_as_it_says(cell, face, workitem_in, subscribers):
    transaction = new_uid()
    uid = workitem_in(cell["state"], transaction)
    if cell["effect"] == "complete":
        face.ask("update", uid, transaction)
    before = face.retrieve(uid)
    used = {"ok": transaction, "wrong": new_uid()}.get(cell["transaction_uid"])
    assert face.ask(cell["request"], uid, used) == face.expected(cell["request"], cell["outcome"])
    if not cell["effect"]:
        assert face.retrieve(uid) == before, "a refused request changes nothing"


@pytest.mark.requirement("AIWI-TM-075")
def test_a_workitem_made_on_one_face_is_the_same_on_the_other(face, other):
    uid, sent = new_uid(), new_workitem(now=now())
    assert face.ask("create", uid, None, sent) == face.expected("create", "done")
    here, there = face.retrieve(uid), other.retrieve(uid)
    assert here == there
    kept = without(here, "SOPClassUID", "SOPInstanceUID", "ScheduledProcedureStepModificationDateTime")
    assert kept == without(sent, "TransactionUID")


@pytest.mark.parametrize("name", NAMES, ids=["umlaut", "Cyrillic", "Japanese"])
@pytest.mark.requirement("AIWI-TM-011")
def test_names_of_every_script_are_identical_on_both(name, face, other):
    uid, sent = new_uid(), put(new_workitem(now=now()), "PatientName", name)
    put(sent, "SpecificCharacterSet", "ISO_IR 192")
    assert face.ask("create", uid, None, dict(sorted(sent.items()))) == face.expected("create", "done")
    for one in (face, other):
        assert get(one.retrieve(uid), "PatientName") == name
        assert get(one.retrieve(uid), "SpecificCharacterSet") == "ISO_IR 192"
        assert one.search(SOPInstanceUID=uid, PatientName=name["Alphabetic"]) == [uid]


@pytest.mark.parametrize(
    ("terms", "name"),
    [("ISO_IR 100", NAMES[0]), ("ISO_IR 144", NAMES[1]), (["", "ISO 2022 IR 87"], NAMES[2])],
    ids=["Latin 1", "Cyrillic", "Kanji"],
)
@pytest.mark.requirement("AIWI-TM-011")
def test_a_creation_in_another_character_set_is_read_as_unicode_on_both(terms, name, faces):
    uid, sent = new_uid(), to_dataset(new_workitem(now=now()))
    sent.SpecificCharacterSet = terms
    sent.PatientName = "=".join(name.values())
    association = faces["dimse"].wire.association
    status, _ = association.send_n_create(sent, UPS_PUSH, uid, meta_uid=UnifiedProcedureStepPush)
    assert code(status) == "0000"
    for one in faces.values():
        assert get(one.retrieve(uid), "PatientName") == name
        assert get(one.retrieve(uid), "SpecificCharacterSet") == "ISO_IR 192"


@pytest.mark.requirement("AIWI-TM-012")
def test_private_attributes_and_five_hundred_inputs_are_complete_on_both(face, other):
    uid, sent = new_uid(), new_workitem(now=now())
    put_items(sent, "InputInformationSequence", *(study_input(number) for number in range(500)))
    sent["00090010"] = {"vr": "LO", "Value": ["SITE"]}
    sent["00091001"] = {"vr": "UN", "InlineBinary": "AQIDBA=="}
    assert face.ask("create", uid, None, dict(sorted(sent.items()))) == face.expected("create", "done")
    for one in (face, other):
        found = one.retrieve(uid)
        assert found[tag_of("InputInformationSequence")] == sent[tag_of("InputInformationSequence")]
        assert found["00091001"] == sent["00091001"]


def study_input(number):
    """One study's input, retrievable over DICOMweb."""
    instance = put(put({}, "ReferencedSOPClassUID", "1.2.840.10008.5.1.4.1.1.4"), "ReferencedSOPInstanceUID", "2.25.3")
    found = put(put({}, "StudyInstanceUID", f"2.25.{number + 1}"), "SeriesInstanceUID", "2.25.2")
    put(found, "TypeOfInstances", "DICOM")
    put_items(found, "ReferencedSOPSequence", instance)
    put_items(found, "WADORSRetrievalSequence", put({}, "RetrieveURL", "http://127.0.0.1/dicom-web/studies/1"))
    return dict(sorted(found.items()))


@pytest.mark.requirement("AIWI-TM-017", "AIWI-TM-028", "AIWI-TM-036", "AIWI-TM-075")
def test_a_claim_made_on_one_face_is_kept_on_the_other(face, other, workitem_in):
    transaction = new_uid()
    uid = workitem_in("SCHEDULED", transaction)
    assert face.ask("claim", uid, transaction) == face.expected("claim", "done")
    assert other.ask("claim", uid, new_uid()) == other.expected("claim", "transaction-uid-incorrect")
    assert other.ask("update", uid, transaction) == other.expected("update", "done")
    assert face.ask("complete", uid, transaction) == face.expected("complete", "done")
    assert other.ask("complete", uid, transaction) == other.expected("complete", "already-completed")
    assert get(other.retrieve(uid), "ProcedureStepState") == "COMPLETED"


@pytest.mark.requirement("AIWI-TM-014")
def test_the_transaction_uid_is_told_on_neither(faces, workitem_in, manager, subscribers):
    transaction = new_uid()
    uid = workitem_in("COMPLETED", transaction)
    for one in faces.values():
        one.ask("claim", uid, transaction)
        assert transaction not in repr([one.retrieve(uid), one.search(SOPInstanceUID=uid)])
        assert tag_of("TransactionUID") not in one.retrieve(uid)
    for subscriber in subscribers.values():
        assert transaction not in repr(subscriber.has(uid, 3))
    assert transaction not in manager.log.read_text()
    assert not any(transaction in message for message in manager.spooled())


@pytest.mark.requirement("AIWI-TM-050", "AIWI-TM-052", "AIWI-TM-053", "AIWI-TM-078")
@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"ProcedureStepState": "SCHEDULED"},
        {"ProcedureStepState": "CANCELED"},
        {"ScheduledWorkitemCodeSequence.CodeValue": "BRAINSEG"},
        {"ScheduledStationNameCodeSequence.CodeValue": "AI_ONE", "InputReadinessState": "READY"},
        {"ScheduledProcedureStepStartDateTime": "20250101-20251231"},
        {"ScheduledProcedureStepStartDateTime": "-20241231"},
        {"PatientName": "mu?ler*"},
        {"ProcedureStepLabel": "*segmentation"},
        {"ReferencedRequestSequence.AccessionNumber": "A*"},
    ],
)
def test_the_same_keys_find_the_same_workitems(keys, faces, population):
    found = {name: one.search(WorklistLabel=population.label, **keys) for name, one in faces.items()}
    assert found["rest"] == found["dimse"]
    assert len(found["rest"]) == population.expected[tuple(keys.values())]


class Population:
    """Workitems of which each key of the test above finds some."""

    expected: ClassVar = {
        (): 4,
        ("SCHEDULED",): 3,
        ("CANCELED",): 1,
        ("BRAINSEG",): 4,
        ("AI_ONE", "READY"): 1,
        ("20250101-20251231",): 2,
        ("-20241231",): 1,
        ("mu?ler*",): 1,
        ("*segmentation",): 4,
        ("A*",): 1,
    }

    def __init__(self, rest):
        self.label = new_uid()[-16:]
        made = [new_workitem(now=now(), label=self.label) for _ in range(4)]
        years = ("20240101", "20250101", "20251231", "20260101")
        for workitem, year in zip(made, years, strict=True):
            put(workitem, "ScheduledProcedureStepStartDateTime", f"{year}120000")
        put_codes(made[0], "ScheduledStationNameCodeSequence", STATION)
        put_codes(made[1], "ScheduledStationNameCodeSequence", STATION)
        put(made[1], "InputReadinessState", "UNAVAILABLE")
        put(made[2], "PatientName", {"Alphabetic": "Müller^Jörg"})
        put(made[2], "SpecificCharacterSet", "ISO_IR 192")
        for number, workitem in enumerate(made):
            request = workitem[tag_of("ReferencedRequestSequence")]["Value"][0]
            put(request, "AccessionNumber", f"{'A' if number == 3 else 'B'}{self.label[-8:]}")
            uid = new_uid()
            assert rest.ask("create", uid, None, dict(sorted(workitem.items()))) == (201, "")
        assert rest.ask("request-cancel", uid, None) == (202, "")


@pytest.fixture(scope="module")
def population(faces):
    return Population(faces["rest"])


@pytest.mark.requirement("AIWI-TM-061", "AIWI-TM-065", "AIWI-TM-066", "AIWI-TM-079", "UPS-134", "UPS-136", "UPS-140")
def test_events_caused_on_either_face_reach_the_subscribers_on_both(face, subscribers):
    uid, transaction = new_uid(), new_uid()
    progress = put_items({}, "ProcedureStepProgressInformationSequence", put({}, "ProcedureStepProgress", 40))
    for request, content in [
        ("create", None),
        ("claim", None),
        ("update", progress),
        ("update", None),
        ("complete", None),
    ]:
        outcome = "done"
        assert face.ask(request, uid, transaction, content) == face.expected(request, outcome)
    told = {name: subscriber.has(uid, 4) for name, subscriber in subscribers.items()}
    for reports in told.values():
        assert [one.kind for one in reports] == ["state", "state", "progress", "state"]
        states = [get(one.information, "ProcedureStepState") for one in reports if one.kind == "state"]
        assert states == ["SCHEDULED", "IN PROGRESS", "COMPLETED"]
    assert [one.information for one in told["rest"]] == [one.information for one in told["dimse"]]
    assert [one.message_id for one in told["rest"]] == [one.message_id for one in told["dimse"]]


@pytest.mark.requirement("AIWI-TM-020", "UPS-018")
def test_of_claims_over_both_faces_at_once_one_wins(faces, workitem_in):
    for _ in range(5):
        uid = workitem_in("SCHEDULED", new_uid())
        barrier, outcomes = threading.Barrier(6), []

        def claim(client, uid=uid, barrier=barrier, outcomes=outcomes):
            transaction = new_uid()
            barrier.wait()
            try:
                client.claim(uid, transaction)
            except BadInput:
                return
            outcomes.append(transaction)

        clients = [one.client(f"CALLER_{number}") for one in faces.values() for number in range(3)]
        for client in clients:
            client.search({"SOPInstanceUID": uid})  # its connection is open when the race begins
        threads = [threading.Thread(target=claim, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 1
        for client in clients:
            client.close()
        for one in faces.values():
            assert one.ask("update", uid, outcomes[0]) == one.expected("update", "done")


@pytest.mark.requirement("AIWI-TM-068", "AIWI-TM-069", "UPS-167", "UPS-173", "UPS-178")
def test_a_subscription_made_on_one_face_can_be_ended_on_the_other(face, other, workitem_in):
    uid = workitem_in("SCHEDULED", new_uid())
    with face.client(DIMSE_WATCHER) as here, other.client(DIMSE_WATCHER) as there:
        here.subscribe(uid)
        there.unsubscribe(uid)
        with pytest.raises(NotFound):
            here.unsubscribe(uid)
        here.subscribe(GLOBAL_SUBSCRIPTION)
        there.suspend(GLOBAL_SUBSCRIPTION)
        with pytest.raises(NotFound):
            here.suspend(GLOBAL_SUBSCRIPTION)
        faces_of_watcher = [one for one in (here, there) if type(one).__name__ == "DimseUpsClient"]
        faces_of_watcher[0].subscribe(GLOBAL_SUBSCRIPTION)  # as the other tests want it


@pytest.mark.parametrize(
    ("mistake", "kind"),
    [
        (lambda client, uid, _tx: client.retrieve(new_uid()), NotFound),
        (lambda client, uid, _tx: client.create(new_workitem(now=now()), uid), Conflict),
        (lambda client, uid, _tx: client.create(without(new_workitem(now=now()), "InputReadinessState")), BadInput),
        (lambda client, uid, _tx: client.claim(uid, new_uid()), BadInput),
        (lambda client, uid, tx: client.claim(uid, tx), Conflict),
        (lambda client, uid, tx: client.complete(uid, tx), Conflict),
        (lambda client, uid, _tx: client.update(uid, performed(now()), None), BadInput),
        (lambda client, uid, tx: client.update(uid, put({}, "PatientID", "X"), tx), BadInput),
        (lambda client, uid, _tx: client.change_state(uid, "SCHEDULED", new_uid()), BadInput),
        (lambda client, uid, _tx: client.request_cancel(new_uid()), NotFound),
        (lambda client, uid, _tx: client.unsubscribe(uid), NotFound),
        (lambda client, uid, _tx: client.subscribe(new_uid()), NotFound),
        (lambda client, uid, _tx: client.search({"TransactionUID": "1.2"}), BadInput),
    ],
)
def test_both_clients_refuse_with_the_same_kind_of_error_and_with_words(mistake, kind, face, workitem_in):
    transaction = new_uid()
    uid = workitem_in("IN PROGRESS", transaction)
    with face.client("STRANGER") as client, pytest.raises(kind) as refused:
        mistake(client, uid, transaction)
    assert "Task Manager answered" in refused.value.message
    assert transaction not in refused.value.message


@pytest.mark.requirement("AIWI-TM-084")
def test_refusals_are_logged_and_audited_whatever_the_face(face, manager, workitem_in):
    uid = workitem_in("SCHEDULED", new_uid())
    before = len(manager.audited())
    face.ask("complete", uid, new_uid())
    assert len(manager.audited()) == before + 1
    line = manager.logged("refused")[-1]
    assert uid in line["target"]
    assert line["reason"] == "not-yet-in-progress"


def test_both_clients_do_a_workitems_whole_life_in_the_same_words(face):
    with face.client("LIFE") as client:
        workitem = new_workitem(now=now(), label=(label := new_uid()[-16:]))
        uid, transaction = client.create(workitem), new_uid()
        assert text(client.retrieve(uid), "SOPInstanceUID") == uid
        client.update(uid, put({}, "ProcedureStepLabel", "changed"), None)
        client.claim(uid, transaction)
        client.update(uid, performed(now()), transaction)
        client.complete(uid, transaction)
        again = client.create(workitem)
        client.request_cancel(again, text="not needed")
        third = client.create(workitem)
        client.claim(third, transaction)
        client.cancel(third, transaction)
        found = client.search({"WorklistLabel": label})
        assert [get(one, "ProcedureStepState") for one in found] == ["COMPLETED", "CANCELED", "CANCELED"]
        assert [text(one, "SOPInstanceUID") for one in client.search({"WorklistLabel": label}, limit=1, offset=1)] == [
            again
        ]

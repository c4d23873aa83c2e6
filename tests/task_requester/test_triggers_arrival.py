"""Images that come through the arrival gateway ask for work by the AE title that they are sent to (orders.md 9)."""

import dataclasses
from threading import Barrier, Thread

import pytest
import structlog
from pydantic import ValidationError

from actors.shared.dimse import echo, send
from actors.shared.refusals import RefusalLog
from actors.task_requester.recording import Told
from actors.task_requester.rules import load_rules
from actors.task_requester.settings import Settings
from actors.task_requester.triggers.arrivals import Arrivals, Arrived
from actors.task_requester.triggers.dimse import Gateway, dimse_server
from actors.task_requester.triggers.running import require_rules
from actors.task_requester.triggers.settings import Triggers
from connectathon.fiction import new_order
from connectathon.modality import mr_phantom_study
from connectathon.ris import build_order
from connectathon.waiting import eventually, free_port
from profiles.dicom import get_code, text
from profiles.errors import BadInput, Unavailable
from profiles.hl7 import EntityIdentifier, ImagingOrder, Patient
from tests.task_requester.conftest import RunningActor
from tests.task_requester.workshop import NOW, Workshop

BRAIN = "head-mr-brain-extraction"
SETTINGS = Triggers(quiet_seconds=10, quiet_seconds_by_modality={"CT": 30}, force_seconds=100)
OTHER_RULE = """
[[rule]]
name = "of-called-ae"
when = 'called_ae == "STEPWELL_LUNG"'
workitem_code = { value = "LUNG", scheme = "99STEPWELL", meaning = "Lung" }
label = "Lung"
[[rule]]
name = "every-mr"
when = '"MR" in modalities'
workitem_code = { value = "ANY", scheme = "99STEPWELL", meaning = "Any" }
label = "Any"
"""


def shell(order, *asked, called_ae="STEPWELL_BRAIN"):
    """What images say of their order."""
    patient = Patient(EntityIdentifier(order.patient_id, order.issuer))
    return ImagingOrder(
        study_instance_uid=order.study_instance_uid,
        accession=EntityIdentifier(order.accession_number),
        patient=patient,
        origin="arrival",
        called_ae=called_ae,
        asked=asked,
    )


class Desk:
    """Arrivals whose time only the test moves, and what they record."""

    def __init__(self, directory):
        self.now, self.told, self.away = 0.0, [], False
        self.arrivals = Arrivals(
            directory,
            self._record,
            SETTINGS,
            refusals=RefusalLog(),
            clock=lambda: NOW,
            monotonic=lambda: self.now,
        )

    def _record(self, told):
        if self.away:
            raise Unavailable("The store is away.")
        self.told.append(told)

    def come(self, at, order, series="1", modality="MR", maker="", **details):
        """One object comes at a second."""
        self.look(at)
        self.arrivals.note(Arrived(shell(order, **details), series, modality, maker))

    def look(self, at):
        """Look at a second; how many were told of until then."""
        self.now = at
        self.arrivals.look()
        return len(self.told)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "arriving")


@pytest.fixture
def shop(tmp_path, images, worklist):
    made = []

    def one(**settings):
        made.append(Workshop(tmp_path / "task_requester", tmp_path, images, worklist, **settings))
        return made[-1]

    yield one
    for workshop in made:
        workshop.database.close()


@pytest.mark.requirement("HL7-060")
def test_each_object_restarts_the_quiet_time(desk):
    order = new_order()
    desk.come(0, order)
    desk.come(9, order)
    assert desk.look(18.9) == 0
    assert desk.look(19) == 1
    assert (desk.told[0].action, desk.told[0].origin) == ("images", "arrival")
    assert desk.told[0].order.called_ae == "STEPWELL_BRAIN"
    assert (desk.told[0].order.control, desk.told[0].order.status) == ("SC", "CM")
    assert desk.look(1000) == 1


@pytest.mark.requirement("HL7-060")
def test_a_pending_series_of_a_slower_modality_holds_the_study_back(desk):
    order = new_order()
    desk.come(0, order, "1", "CT")
    desk.come(5, order, "2", "MR")
    assert desk.look(29.9) == 0
    assert desk.look(30) == 1


@pytest.mark.requirement("HL7-060")
def test_a_study_that_never_stands_still_is_taken_as_it_is(desk):
    order = new_order()
    for second in range(0, 100, 5):
        desk.come(second, order)
    assert desk.told == []
    assert desk.look(100) == 1
    assert desk.told[0].order.status == "", "it did not stand still, so that is waited for"
    desk.come(101, order)
    assert desk.look(111) == 2, "what comes after is told of, too"


@pytest.mark.requirement("HL7-062")
@pytest.mark.parametrize(("modality", "maker"), [("SR", ""), ("SEG", ""), ("PR", ""), ("KO", ""), ("MR", "Stepwell")])
def test_own_outputs_never_trigger(desk, modality, maker):
    order = new_order()
    desk.come(0, order, modality=modality, maker=maker)
    assert desk.look(1000) == 0
    desk.come(1000, order)
    desk.come(1009, order, "9", modality, maker)
    assert desk.look(1010) == 1, "nor do they keep a study from being complete"


@pytest.mark.requirement("HL7-060")
def test_studies_and_called_titles_are_counted_apart(desk):
    one, other = new_order(), new_order()
    desk.come(0, one)
    desk.come(1, other)
    desk.come(2, one, called_ae="STEPWELL_LUNG")
    assert desk.look(12) == 3
    assert [told.order.study_instance_uid for told in desk.told] == [
        one.study_instance_uid,
        other.study_instance_uid,
        one.study_instance_uid,
    ]


@pytest.mark.requirement("HL7-060")
def test_an_arrival_survives_a_restart_and_stands_still_anew(tmp_path):
    before = Desk(tmp_path)
    before.come(0, new_order())
    after = Desk(tmp_path)
    assert after.look(9.9) == 0
    after.away = True
    assert after.look(10) == 0, "the store was away; it is tried again"
    after.away = False
    assert after.look(10.2) == 1
    assert after.told[0].order.called_ae == "STEPWELL_BRAIN"
    assert Desk(tmp_path).look(1000) == 0


@pytest.mark.requirement("HL7-060")
def test_a_note_that_cannot_be_written_is_unavailable(desk, tmp_path):
    (tmp_path / "arriving").rmdir()
    with pytest.raises(Unavailable, match="cannot be noted"):
        desk.come(0, new_order())


@pytest.mark.requirement("HL7-053", "HL7-060")
def test_images_of_another_patient_are_told_of_and_recorded_nowhere(desk, shop, images):
    made = shop()
    made.send()
    stranger = dataclasses.replace(made.order, patient_id="SOMEBODY-ELSE")
    desk._record = made.ledger.record
    desk.arrivals._record = made.ledger.record
    with structlog.testing.capture_logs() as logged:
        desk.come(0, stranger)
        desk.look(10)
    (line,) = [one for one in logged if one["event"] == "arrival-refused"]
    assert "another patient" in line["reason"]
    assert "SOMEBODY-ELSE" not in str(logged)


@pytest.mark.requirement("HL7-060")
def test_a_called_title_follows_its_rule_whatever_the_condition_says_and_no_other(shop, tmp_path, worklist):
    rules = tmp_path / "rules.toml"
    rules.write_text(OTHER_RULE.replace('called_ae == "STEPWELL_LUNG"', "modalities.length == 99"))
    made = shop(rules=load_rules(rules))
    made.ledger.record(Told(shell(made.order, "of-called-ae"), "images", "arrival", NOW))
    made.arrive(patient_id=made.order.patient_id).work()
    (workitem,) = worklist.open().values()
    assert get_code(workitem, "ScheduledWorkitemCodeSequence").value == "LUNG"
    assert "asked for by name" in made.thread()["workitems"][0]["explanation"]


@pytest.mark.requirement("HL7-060")
def test_a_title_without_a_rule_is_a_field_that_rules_may_ask(shop, tmp_path, worklist):
    rules = tmp_path / "rules.toml"
    rules.write_text(OTHER_RULE)
    made = shop(rules=load_rules(rules))
    made.ledger.record(Told(shell(made.order, called_ae="STEPWELL_LUNG"), "images", "arrival", NOW))
    made.arrive(patient_id=made.order.patient_id).work()
    codes = {get_code(one, "ScheduledWorkitemCodeSequence").value for one in worklist.open().values()}
    assert codes == {"LUNG", "ANY"}


@pytest.mark.requirement("HL7-060", "HL7-061")
@pytest.mark.parametrize("arrival_first", [True, False])
def test_the_order_joins_its_shell_and_there_is_one_workitem_of_each_rule(shop, worklist, arrival_first):
    made = shop()
    told = Told(shell(made.order, BRAIN), "images", "arrival", NOW)
    steps = [lambda: made.ledger.record(told), made.send]
    for step in steps if arrival_first else reversed(steps):
        step()
    made.arrive(patient_id=made.order.patient_id).work()
    (workitem,) = worklist.open().values()
    assert text(workitem, "InputReadinessState") == "READY"
    assert made.thread()["state"] == "published"


@pytest.mark.requirement("HL7-061")
def test_four_triggers_at_once_make_one_workitem(shop, worklist):
    made, started = shop(), Barrier(4)
    orders = [new_order() for _ in range(5)]
    for order in orders:
        made.arrive(order=order, patient_id=order.patient_id)

    def tell(origin, action):
        started.wait()
        for order in orders:
            known = dataclasses.replace(shell(order, BRAIN), origin=origin)
            made.ledger.record(Told(known, action, origin, NOW))

    ways = [("arrival", "images"), ("ian", "images"), ("mpps", "status"), ("person", "create")]
    threads = [Thread(target=tell, args=way) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made.work()
    assert len(worklist.workitems) == len(orders)


def test_titles_that_choose_no_rule_are_refused_at_start():
    settings = Settings(triggers=Triggers(aes={"STEPWELL_BRAIN": BRAIN, "STEPWELL_LUNG": "lung"}))
    with pytest.raises(BadInput, match=r"STEPWELL_LUNG = 'lung'.*head-mr-brain-extraction"):
        require_rules(settings, load_rules(None))
    with pytest.raises(ValidationError):
        Triggers(aes={"A TITLE THAT IS TOO LONG": ""})


class Store:
    """An archive that takes or refuses what comes."""

    def __init__(self):
        self.stored, self.away = [], False

    def store(self, paths, study=None):
        if self.away:
            raise Unavailable("The archive is away.")
        self.stored += [path.read_bytes() for path in paths]


@pytest.fixture
def gateway(tmp_path, desk):
    """A gateway over real sockets; its port, its archive and its arrivals."""
    store, port = Store(), free_port()
    made = Gateway(store, desk.arrivals, {"STEPWELL_TR": "", "STEPWELL_BRAIN": BRAIN}, tmp_path, RefusalLog())
    with dimse_server(made, "127.0.0.1", Triggers(dimse_port=port)):
        yield port, store, desk


@pytest.mark.requirement("HL7-060")
def test_the_gateway_passes_images_on_before_it_acknowledges_them(gateway, tmp_path):
    port, store, desk = gateway
    order = new_order()
    files = mr_phantom_study(order, tmp_path / "study", slices=3)
    send(files, "127.0.0.1", port, "STEPWELL_BRAIN")
    assert len(store.stored) == len(files)
    assert desk.look(10) == 1
    said = desk.told[0].order
    assert (said.study_instance_uid, said.accession.value) == (order.study_instance_uid, order.accession_number)
    assert (said.patient.identifier.value, said.patient.identifier.namespace) == (order.patient_id, order.issuer)
    assert (said.called_ae, said.asked) == ("STEPWELL_BRAIN", (BRAIN,))
    assert not list(tmp_path.glob("*.dcm")), "nothing is left on the way"


@pytest.mark.requirement("HL7-060")
def test_nothing_is_noted_of_images_that_the_archive_did_not_take(gateway, tmp_path):
    port, store, desk = gateway
    store.away = True
    files = mr_phantom_study(new_order(), tmp_path / "study", slices=1)
    with pytest.raises(Unavailable, match="A700H"):
        send(files, "127.0.0.1", port, "STEPWELL_BRAIN")
    assert desk.look(1000) == 0


@pytest.mark.requirement("HL7-060")
def test_an_unknown_called_title_is_rejected(gateway):
    port, _, _ = gateway
    echo("127.0.0.1", port, "STEPWELL_TR")
    with pytest.raises(Unavailable, match="rejected the association"):
        echo("127.0.0.1", port, "STEPWELL_OTHER")


@pytest.mark.requirement("HL7-060")
def test_a_study_sent_to_an_ae_title_ends_as_a_workitem(task_requester, archive_and_manager, tmp_path):
    archive, manager = archive_and_manager
    port = free_port()
    triggers = {"dimse_port": port, "aes": {"STEPWELL_BRAIN": BRAIN}, "quiet_seconds": 0.5}
    running = task_requester(archive_url=archive, task_manager_url=manager, triggers=triggers).start()
    send(mr_phantom_study(new_order(), tmp_path / "study"), "127.0.0.1", port, "STEPWELL_BRAIN")
    assert isinstance(running, RunningActor)
    (line,) = eventually(lambda: running.logged("workitem-created"), what="the workitem")
    assert line["workitem"]
    running.stop()


@pytest.mark.requirement("HL7-060")
def test_an_order_after_the_arrival_makes_no_second_workitem(shop, worklist):
    made = shop()
    made.ledger.record(Told(shell(made.order, BRAIN), "images", "arrival", NOW))
    made.arrive(patient_id=made.order.patient_id).work()
    made.take(build_order(made.order, now=made.now()))
    made.work()
    assert len(worklist.open()) == 1

"""Messages that order nothing and yet tell of orders: a study is there, an appointment moved."""

import pytest

from actors.task_requester.orders_store import order_thread
from actors.task_requester.replaying import reproject
from profiles.dicom import text
from tests.task_requester.conftest import Images, Worklist
from tests.task_requester.workshop import Workshop

STUDY = "OBX|1|ST|113014^DICOM Study^DCM||{}||||||O"
SERIES = "OBX|2|ST|^Series Instance UID||1.2.3||||||O"
FINDING = "OBX|3|TX|300332007^Liver Mass^SCT||4 mm||||||R"


@pytest.fixture
def shop(tmp_path):
    made = Workshop(tmp_path / "task_requester", tmp_path, Images(), Worklist())
    yield made
    made.database.close()


def message(kind, *segments):
    header = f"MSH|^~\\&|PACS|SITE|AITM|AI|20260301091500||{kind}|N1|P|2.5.1"
    return ("\r".join((header, *segments)) + "\r").encode()


def results_there(order, *observed):
    """ORU^R01 about the study of an order."""
    return message(
        "ORU^R01^ORU_R01",
        f"PID|||{order.patient_id}^^^{order.issuer}^PI||FICTIONAL^ADA",
        f"OBR|1|||MRHEAD^MR head^L||||||||||||||{order.accession_number}",
        STUDY.format(order.study_instance_uid),
        *observed,
    )


def appointment(event, order, start="20260302101500"):
    schedule = f"SCH|1|{'|' * 24}{order.placer_order_number}^{order.issuer}|{order.filler_order_number}^RIS"
    return message(f"SIU^{event}^SIU_S12", schedule, f"AIS|1|A|MRHEAD^MR head^L|{start}")


@pytest.mark.requirement("HL7-078", "HL7-061")
def test_a_notice_that_a_study_is_there_is_a_trigger_and_series_by_series_no_second_one(shop):
    shop.arrive(patient_id=shop.order.patient_id).take(results_there(shop.order)).work()
    ((_, workitem),) = shop.worklist.open().items()
    assert text(workitem, "StudyInstanceUID") == shop.order.study_instance_uid
    shop.take(results_there(shop.order, SERIES)).send("NW").work()
    assert len(shop.worklist.open()) == 1
    assert shop.thread()["messages"][0]["kind"] == "ORU^R01"


@pytest.mark.requirement("HL7-062", "HL7-078")
def test_a_report_is_no_notice_and_starts_nothing(shop):
    shop.arrive().take(results_there(shop.order, FINDING)).work()
    assert order_thread(shop.outside, shop.order.accession_number) == []
    assert shop.worklist.workitems == {}


@pytest.mark.parametrize("event", ["S12", "S13", "S14"])
@pytest.mark.requirement("HL7-078", "HL7-077")
def test_an_appointment_moves_the_time_of_a_known_order(shop, event):
    shop.send("NW", minutes=0).take(appointment(event, shop.order))
    order = shop.ledger.content(shop.ledger.order(1))
    assert (order.start, order.accession.value) == ("20260302101500", shop.order.accession_number)
    reproject(shop.database)
    (number,) = shop.ledger.awaiting(shop.now())
    assert shop.ledger.content(shop.ledger.order(number)) == order


@pytest.mark.requirement("HL7-036", "HL7-078")
def test_an_appointment_that_comes_before_its_order_is_kept_for_it(shop):
    shop.take(appointment("S12", shop.order))
    (kept,) = order_thread(shop.outside, shop.order.placer_order_number)
    assert kept["state"] == "incomplete"
    shop.send("NW", minutes=-60)
    assert shop.ledger.content(shop.ledger.order(1)).start == "20260302101500"
    assert shop.state == "pending"


@pytest.mark.requirement("HL7-078")
def test_an_appointment_that_is_gone_changes_nothing(shop):
    shop.send("NW", minutes=0)
    before = shop.thread()
    shop.take(appointment("S15", shop.order))
    assert shop.thread() == before

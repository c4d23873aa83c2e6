"""What ADT tells reaches orders and workitems, in whatever order it is received."""

import dataclasses
import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select
from typer.testing import CliRunner

from actors.shared.mllp import Frame
from actors.task_requester.database import OrderRow, PatientEventRow
from actors.task_requester.orders_store import order_thread, quarantine
from actors.task_requester.replaying import reproject
from connectathon.fiction import new_order
from connectathon.ris import build_order
from profiles.dicom import items, put, tag_of, text
from stepwell.cli import app
from tests.task_requester.conftest import Images, Worklist
from tests.task_requester.workshop import NOW, Workshop

_numbers = itertools.count(1)
SITE = "STEPWELL-DEMO"


@pytest.fixture
def make(tmp_path):
    """Makes workshops, each over a store, an archive and a worklist of its own."""
    made = []

    def one(where=None, outside=None, **changes):
        folder = tmp_path / str(next(_numbers))
        made.append(Workshop(where or folder / "task_requester", outside or folder, Images(), Worklist(), **changes))
        return made[-1]

    yield one
    for workshop in made:
        workshop.database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request, make):
    """A workshop on either database."""
    return make() if request.param == "sqlite" else make(*(request.getfixturevalue("postgres_url"),) * 2)


def adt(event, minute, *segments):
    """An ADT message about what happened at some minute."""
    time = f"202603010{9 + minute // 60}{minute % 60:02d}00"
    header = f"MSH|^~\\&|ADT|SITE|AITM|AI|{time}||ADT^{event}|{next(_numbers)}|P|2.5"
    return ("\r".join((header, f"EVN||{time}", *segments)) + "\r").encode()


def pid(identifier, *, name="", born="", sex="", authority=SITE):
    return f"PID|||{identifier}^^^{authority}^PI||{name}||{born}|{sex}"


def merge(survivor, prior, minute=5, **said):
    return adt("A40", minute, pid(survivor, **said), f"MRG|{prior}^^^{SITE}^PI")


def refuse(shop, message):
    """Code and words with which a message is refused."""
    answer = shop.intake.take(Frame(message), "test")
    assert b"|AE|" in answer, answer
    return answer


def the_open(shop):
    """The only workitem that has not ended."""
    (workitem,) = shop.worklist.open().values()
    return workitem


def patient(workitem):
    keywords = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex")
    return tuple(text(workitem, keyword) for keyword in keywords)


def ordered(shop, **details):
    """Let the order and its images come and its workitem be made."""
    shop.send("NW", minutes=0).arrive(patient_id=shop.order.patient_id, **details).work()
    return the_open(shop)


@pytest.mark.requirement("HL7-043", "HL7-020")
def test_an_update_reaches_the_open_workitem_by_a_replacement(shop):
    before = ordered(shop)
    assert patient(before)[2] == shop.order.patient_name
    shop.take(adt("A08", 5, pid(shop.order.patient_id, name="Married^Eva", sex="F"))).work()
    workitem = the_open(shop)
    assert patient(workitem) == (shop.order.patient_id, SITE, "Married^Eva", "19700101", "F")
    (replaced,) = items(workitem, "ReplacedProcedureStepSequence")
    assert shop.worklist.states[text(replaced, "ReferencedSOPInstanceUID")] == "CANCELED"
    shop.take(adt("A08", 6, f'PID|||{shop.order.patient_id}^^^{SITE}||||""|""')).work()
    assert patient(the_open(shop)) == (shop.order.patient_id, SITE, "Married^Eva", "", "")


@pytest.mark.requirement("HL7-043")
def test_an_update_that_changes_nothing_leaves_the_workitem(make):
    shop = make()
    before = ordered(shop)
    order = shop.order
    same = pid(order.patient_id, name=order.patient_name, born=order.patient_birth_date, sex=order.patient_sex)
    shop.take(adt("A08", 5, same)).take(adt("A31", 6, same)).work()
    assert the_open(shop) == before


@pytest.mark.requirement("HL7-043", "HL7-044")
def test_what_adt_told_goes_before_what_the_images_say(make):
    shop = make()
    order = shop.order
    inner = shop.images.instance_metadata

    def with_old_name(study, series, instance):
        found = put(put(inner(study, series, instance), "PatientName", "Images^Say"), "PatientID", "OLD")
        return put(found, "PatientSex", "M")

    shop.images.instance_metadata = with_old_name
    shop.take(merge(order.patient_id, "OLD", name="Feed^Says")).send("NW", minutes=0).arrive(patient_id="OLD").work()
    assert patient(the_open(shop)) == (order.patient_id, SITE, "Feed^Says", "19700101", "M")


@pytest.mark.requirement("HL7-050")
def test_a_stale_order_never_undoes_what_adt_told(shop):
    shop.take(adt("A08", 1, pid(shop.order.patient_id, name="Newer^Name")))
    assert patient(ordered(shop))[2:] == ("Newer^Name", "19700101", "O")
    shop.send("XO", minutes=9).work()
    assert patient(the_open(shop))[2] == "Newer^Name"


@pytest.mark.requirement("HL7-050")
def test_an_order_of_a_sender_that_owns_demographics_is_as_good_as_adt(make):
    shop = make(demographics_from_orders=(f"RIS|{SITE}",))
    shop.take(adt("A08", 1, pid(shop.order.patient_id, name="Older^Name")))
    shop.send("NW", minutes=5).arrive().work()
    assert patient(the_open(shop))[2] == shop.order.patient_name


@pytest.mark.requirement("HL7-044")
def test_a_merge_reaches_orders_and_open_workitems_and_either_identifier_finds_them(shop):
    ordered(shop)
    prior = shop.order.patient_id
    shop.take(merge("SURVIVOR", prior)).work()
    workitem = the_open(shop)
    assert patient(workitem)[:2] == ("SURVIVOR", SITE)
    (other,) = items(workitem, "OtherPatientIDsSequence")
    assert text(other, "PatientID") == prior
    assert tag_of("IssuerOfPatientIDQualifiersSequence") in other, "type 2 (PS3.4 Table CC.2.5-3)"
    for identifier, words in (
        ("SURVIVOR", f"SURVIVOR^{SITE} stands for {prior}^{SITE}, too"),
        (prior, f"{prior}^{SITE} is SURVIVOR^{SITE} since 2026-03-01T09:05:00.000000+00:00"),
    ):
        thread = shop.thread(identifier)
        assert (thread["accession_number"], thread["patient"]) == (shop.order.accession_number, words)


@pytest.mark.parametrize("state", ["IN PROGRESS", "COMPLETED"])
@pytest.mark.requirement("HL7-044")
def test_a_merge_is_noted_at_workitems_that_are_worked_on_or_done(make, state):
    shop = make()
    ordered(shop)
    (uid,) = shop.worklist.workitems
    shop.worklist.states[uid] = state
    shop.take(merge("SURVIVOR", shop.order.patient_id)).work()
    assert (shop.worklist.states, shop.worklist.cancellations) == ({uid: state}, [])
    (workitem,) = shop.thread("SURVIVOR")["workitems"]
    assert f"changed when the workitem was {state}" in workitem["note"]
    assert "PatientID" in workitem["note"]


@pytest.mark.requirement("HL7-045")
def test_a_repeated_merge_is_accepted_and_changes_nothing(shop):
    ordered(shop)
    message = merge("SURVIVOR", shop.order.patient_id)
    shop.take(message).work()
    before = the_open(shop)
    again = message.replace(b"|P|2.5", b"9|P|2.5")
    shop.take(again).take(merge("SURVIVOR", shop.order.patient_id, minute=8)).work()
    assert the_open(shop) == before


@pytest.mark.requirement("HL7-045", "HL7-046")
def test_a_merge_message_is_applied_as_a_whole_or_not_at_all(shop):
    shop.take(merge("B", "A"))
    groups = [pid("C"), f"MRG|X^^^{SITE}", pid("A"), f"MRG|B^^^{SITE}"]
    assert b"205" in refuse(shop, adt("A40", 6, *groups))
    assert b"205" in refuse(shop, merge("C", "C"))
    with shop.database.read() as session:
        kept = session.exec(select(PatientEventRow.prior_id)).all()
    assert kept == ["A"]
    assert [one["kind"] for one in quarantine(shop.outside)] == ["ADT^A40", "ADT^A40"]


@pytest.mark.requirement("HL7-049")
def test_an_identifier_is_not_changed_to_that_of_a_patient_with_orders(shop):
    shop.send("NW", minutes=0)
    change = [pid(shop.order.patient_id), f"MRG|OLD^^^{SITE}"]
    assert b"205" in refuse(shop, adt("A47", 5, *change))
    shop.take(adt("A47", 5, pid("FRESH"), f"MRG|{shop.order.patient_id}^^^{SITE}")).arrive().work()
    assert patient(the_open(shop))[0] == "FRESH"


@pytest.mark.requirement("HL7-047")
def test_an_order_for_a_retired_identifier_is_mapped_refused_or_ignored_as_the_site_says(make):
    for policy, answer in (("map", b"|AA|"), ("refuse", b"|AE|"), ("ignore", b"|AA|")):
        shop = make(merged_identifiers=policy)
        shop.take(merge("SURVIVOR", shop.order.patient_id))
        message = build_order(shop.order, now=NOW.replace(minute=30))
        assert answer in shop.intake.take(Frame(message), "test")
        shop.arrive(patient_id="SURVIVOR").work()
        found = [patient(one)[0] for one in shop.worklist.open().values()]
        assert found == (["SURVIVOR"] if policy == "map" else [])
        reproject(shop.database)
        assert len(order_thread(shop.outside, shop.order.accession_number)) == (policy == "map")


@pytest.mark.requirement("HL7-047", "HL7-044")
def test_an_order_from_before_the_merge_is_never_refused_for_coming_late(make):
    shop = make(merged_identifiers="refuse")
    shop.take(merge("SURVIVOR", shop.order.patient_id)).send("NW", minutes=1).arrive().work()
    assert patient(the_open(shop))[0] == "SURVIVOR"


@pytest.mark.requirement("HL7-044", "HL7-053")
def test_status_and_cancellation_under_the_survivor_find_the_order_of_the_prior_patient(shop):
    ordered(shop)
    shop.take(merge("SURVIVOR", shop.order.patient_id)).work()
    under_survivor = dataclasses.replace(shop.order, patient_id="SURVIVOR")
    shop.send("CA", "CA", minutes=9, order=under_survivor).work()
    assert (shop.state, shop.worklist.open()) == ("canceled", {})


@pytest.mark.requirement("HL7-053")
def test_an_order_for_somebody_else_under_a_known_identifier_waits_for_a_person(make):
    shop = make()
    shop.take(adt("A04", 1, pid(shop.order.patient_id, name="Other^Person", born="19500505")))
    shop.send("NW", minutes=2).arrive(patient_id=shop.order.patient_id).work()
    thread = shop.thread()
    assert thread["state"] == "mismatch"
    assert "another birth date and family name" in thread["explanation"]
    shop.take(adt("A31", 7, pid(shop.order.patient_id, name=shop.order.patient_name, born="19700101"))).work(60)
    assert shop.state == "published"


@pytest.mark.requirement("HL7-053")
def test_an_order_for_a_patient_of_whom_nobody_told_waits_when_the_site_wants_it(make):
    shop = make(unknown_patients="stop")
    shop.send("NW", minutes=0).arrive().work()
    assert (shop.state, shop.worklist.workitems) == ("mismatch", {})
    shop.take(adt("A04", 5, pid(shop.order.patient_id, name="Muster"))).work(60)
    assert patient(the_open(shop))[2] == "Muster"


@pytest.mark.requirement("HL7-055", "HL7-053")
def test_an_identifier_without_authority_gets_the_senders_or_waits_when_two_patients_have_it(make):
    two = [
        adt("A04", minute, pid("7", name=name, authority=site))
        for minute, name, site in ((1, "One", "SITE1"), (2, "Two", "SITE2"))
    ]
    order = dataclasses.replace(new_order(), patient_id="7", issuer="")
    shop = make()
    shop.take(two[0]).take(two[1]).send("NW", minutes=3, order=order).arrive(order=order).work()
    assert shop.thread(order.accession_number)["state"] == "mismatch"
    assert "SITE1, SITE2" in shop.thread(order.accession_number)["explanation"]
    shop = make(patient_authorities={"*": "SITE2"})
    shop.take(two[0]).take(two[1]).send("NW", minutes=3, order=order).arrive(order=order).work()
    assert patient(the_open(shop))[1:3] == ("SITE2", "Two")


def outcome(shop):
    """What the orders came to and what is asked of performers."""
    with shop.database.read() as session:
        rows = session.exec(select(OrderRow).order_by(OrderRow.accession)).all()
    found = [(row.accession, row.state, row.content) for row in rows]
    open_ = shop.worklist.open().values()
    return found, sorted((patient(one), text(one, "StudyInstanceUID")) for one in open_)


@st.composite
def days(draw):
    """ADT and orders of three identifiers, merged in a chain or not, in two orders of arrival."""
    ids = ["PA", "PB", "PC"]
    orders = [dataclasses.replace(new_order(), patient_id=one) for one in ids[: draw(st.integers(1, 2))]]
    messages = [build_order(one, now=NOW.replace(minute=10 * n)) for n, one in enumerate(orders)]
    for n in range(2):
        if draw(st.booleans()):
            messages.append(merge(ids[n + 1], ids[n], minute=20 + n))
        if draw(st.booleans()):
            messages.append(adt("A08", draw(st.integers(0, 50)), pid(ids[n], name=f"Name^N{n}", sex="F")))
    if draw(st.booleans()):
        messages.append(build_order(orders[0], control="CA", status="CA", now=NOW.replace(minute=40)))
    return orders, messages, draw(st.permutations(messages))


@given(day=days())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.requirement("HL7-036", "HL7-044", "HL7-043")
def test_every_order_of_arrival_of_adt_and_orders_comes_to_the_same(make, day):
    orders, *arrivals = day
    found = []
    for messages in arrivals:
        shop = make()
        for message in messages:
            shop.take(message)
        for order in orders:
            shop.arrive(order=order)
        shop.work(6)
        found.append(outcome(shop))
    assert found[0] == found[1]


@pytest.mark.requirement("HL7-053")
def test_a_person_sees_which_orders_wait_and_why(make, tmp_path):
    shop = make(unknown_patients="stop")
    shop.send("NW", minutes=0).arrive().work()
    config = tmp_path / "stepwell.toml"
    config.write_text(f'[stepwell]\ndata_dir = "{shop.outside}"\n[task_requester]\n')
    answer = CliRunner().invoke(app, ["orders", "waiting", "--config", str(config)])
    assert answer.exit_code == 0
    assert f"{shop.order.accession_number}  mismatch" in answer.output
    assert "Nobody told of the order's patient" in answer.output
    assert shop.order.patient_id not in answer.output
    (one,) = json.loads(CliRunner().invoke(app, ["orders", "waiting", "--json", "--config", str(config)]).stdout)
    assert one["state"] == "mismatch"


@pytest.mark.requirement("HL7-053")
def test_a_data_directory_without_orders_is_not_taken_for_one_where_none_waits(tmp_path):
    config = tmp_path / "stepwell.toml"
    config.write_text(f'[stepwell]\ndata_dir = "{tmp_path / "elsewhere"}"\n[task_requester]\n')
    answer = CliRunner().invoke(app, ["orders", "waiting", "--config", str(config)])
    assert answer.exit_code != 0
    assert "There is no order store in" in str(answer.exception)


@pytest.mark.requirement("HL7-043")
def test_an_update_asks_neither_archive_nor_rules_about_what_was_decided(make):
    shop = make()
    ordered(shop)
    shop.images.studies.clear()
    searches = shop.images.searches
    shop.take(adt("A08", 5, pid(shop.order.patient_id, name="Married^Eva")))
    for _ in range(3):
        shop.amender.amend()
        shop.publisher.publish()
    assert (shop.state, patient(the_open(shop))[2]) == ("published", "Married^Eva")
    assert shop.images.searches == searches


@pytest.mark.requirement("HL7-043", "HL7-039")
def test_a_held_order_goes_on_for_the_patient_as_known_now(make):
    shop = make()
    ordered(shop)
    shop.send("HD", "HD", minutes=2).work()
    shop.take(adt("A08", 5, pid(shop.order.patient_id, name="Married^Eva"))).send("RL", "", minutes=6).work()
    workitem = the_open(shop)
    assert (patient(workitem)[2], text(workitem, "InputReadinessState")) == ("Married^Eva", "READY")

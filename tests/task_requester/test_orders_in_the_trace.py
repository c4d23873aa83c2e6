"""What a person reads about an order in the trace: why it waits, what it is part of, what came too late."""

import io

import pytest
from rich.console import Console

from connectathon.fiction import new_order
from connectathon.ris import build_order
from stepwell.trace import render
from tests.task_requester.workshop import NOW, Workshop


@pytest.fixture
def make(tmp_path, worklist, images):
    made = []

    def shop(**settings):
        made.append(Workshop(tmp_path / "task_requester", tmp_path, images, worklist, **settings))
        return made[-1]

    yield shop
    for one in made:
        one.database.close()


def lines(shop):
    """The trace of the order as a person gets it."""
    told = {name: [] for name in ("timeline", "workitems", "results", "unanswered")}
    thread = {"accession_number": "", "study_instance_uid": "", "durations": {}, **told, "orders": [shop.thread()]}
    out = io.StringIO()
    render(thread, Console(file=out, width=200))
    return [line.strip() for line in out.getvalue().splitlines()]


@pytest.mark.requirement("HL7-043", "HL7-044")
def test_a_merge_is_shown_at_a_workitem_that_is_done(make, worklist):
    shop = make()
    shop.send("NW", minutes=0).arrive(patient_id=shop.order.patient_id).work()
    (uid,) = worklist.workitems
    worklist.states[uid] = "COMPLETED"
    header = "MSH|^~\\&|ADT|SITE|AITM|AI|20260301090500||ADT^A40^ADT_A39|A1|P|2.5"
    site, patient = shop.order.issuer, shop.order.patient_id
    merge = f"{header}\rEVN||20260301090500\rPID|||SURVIVOR^^^{site}^PI\rMRG|{patient}^^^{site}^PI\r"
    shop.take(merge.encode()).work()
    (note,) = (line for line in lines(shop) if line.startswith(f"workitem {uid}: "))
    assert "changed when the workitem was COMPLETED" in note
    assert "PatientID" in note


@pytest.mark.requirement("HL7-042", "HL7-051", "HL7-028")
def test_why_a_person_has_to_look_and_what_stands_for_an_unknown_study(make):
    shop = make(missing_study_uid="derive")
    raw = build_order(shop.order, control="CH", now=NOW).replace(shop.order.study_instance_uid.encode(), b"")
    header, _, rest = raw.partition(b"\rORC|CH|")
    parent = new_order().filler_order_number
    fields = rest.split(b"\r")[0].split(b"|") + [b""] * 8
    fields[6] = f"^{parent}&RIS".encode()
    shop.take(header + b"\rORC|CH|" + b"|".join(fields) + b"\r" + rest.partition(b"\r")[2])
    shop.send("SC", status="ER", minutes=5)
    said = lines(shop)
    assert "The sender says that it does not know the order (SC, ER)." in said
    assert f"part of order {parent}^RIS" in said


@pytest.mark.requirement("HL7-051")
def test_a_derived_study_is_named_as_that(make):
    shop = make(missing_study_uid="derive")
    shop.take(build_order(shop.order, now=NOW).replace(shop.order.study_instance_uid.encode(), b""))
    derived = shop.thread()["derived_study_uid"]
    assert f"names no study; {derived} stands for it until its images come" in lines(shop)

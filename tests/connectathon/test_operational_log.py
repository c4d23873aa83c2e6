"""The made-up operational log: the same for a seed, as hospitals' logs are, and its messages say what it says."""

import dataclasses
import os
from collections import Counter, defaultdict
from datetime import timedelta
from itertools import islice, pairwise
from pathlib import Path

import pytest

from connectathon.operational_log import Hospital, messages_of, operational_log
from profiles.sole.reading import parse
from profiles.sole.syslog import parse_syslog
from sole_logging.measures.entry import entry_of
from sole_logging.records import StoredMessage, micros, moment, project

HOSPITAL = Hospital(seed=5, studies_a_day=400.0)
NUMBER = 12_000


@pytest.fixture(scope="module")
def log():
    return list(islice(operational_log(HOSPITAL), NUMBER))


def test_the_same_seed_makes_the_same_log_and_another_one_another(log):
    assert list(islice(operational_log(HOSPITAL), NUMBER)) == log
    assert list(islice(operational_log(dataclasses.replace(HOSPITAL, seed=6)), NUMBER)) != log


def test_it_comes_in_the_order_in_which_a_repository_gets_it(log):
    assert all(one.received_at <= other.received_at for one, other in pairwise(log))


def test_it_has_what_goes_wrong_in_hospitals(log):
    codes = Counter(code for one in log for code in one.codes)
    ids = Counter(one.event_id for one in log)
    assert any(number > 1 for number in ids.values()), "an event that comes twice"
    assert any(one.received_at - one.at > timedelta(hours=1) for one in log), "one that comes late"
    assert any(one.at > one.received_at for one in log), "a clock that is ahead"
    assert codes["RID45895"] == 0 < codes["RID45862"], "exams that are canceled"
    assert any("AIX106" in one.codes and one.outcome for one in log), "workitems that fail"
    assert any("AIX106" in one.codes and not one.outcome for one in log), "workitems that are canceled"
    assert codes["AIX143"] > 0, "results that are rejected"
    claims = Counter(one.workitem for one in {one.event_id: one for one in log}.values() if "AIX103" in one.codes)
    assert max(claims.values()) > 1, "claims that are tried again"
    assert codes["AIX101"] != codes["RID45871"], "studies without AI"


def test_a_performer_does_one_thing_at_a_time(log):
    running = defaultdict(list)
    for one in sorted({one.event_id: one for one in log}.values(), key=lambda one: one.at):
        if "AIX121" in one.codes or "AIX122" in one.codes:
            running[one.performer].append((one.at, one.workitem, "AIX121" in one.codes))
    assert len(running) >= 2
    overlaps = sum(
        first[2] and second[2] and first[1] != second[1]
        for each in running.values()
        for first, second in pairwise(each)
    )
    assert overlaps <= sum(map(len, running.values())) // 50, "two begin in turn only where an end got lost"


@pytest.mark.samples("STEPWELL_SCHEMAS")
@pytest.mark.requirement("SOLE-020")
def test_its_messages_are_valid_by_the_schema_of_the_standard(log):
    from lxml import etree

    schema = etree.RelaxNG(etree.parse(Path(os.environ["STEPWELL_SCHEMAS"]) / "dicom_audit_ps3.15_2023b.rng"))
    for raw in messages_of(log[:600]):
        schema.assertValid(etree.fromstring(parse_syslog(raw).content))


def test_its_messages_say_what_it_says(log):
    for one, raw in zip(log[:600], messages_of(log[:600]), strict=True):
        columns = project(StoredMessage(1, b"key", micros(one.received_at), one.host, "IHE+SOLE", raw)).columns
        assert columns["flaw"] is None
        told = {"at": one.at, "received_at": one.received_at, "person": parse(parse_syslog(raw).content).person}
        assert moment(columns["at"]) == one.at
        assert entry_of({**columns, **told}) == one

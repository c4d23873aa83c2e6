"""The log in and out: ITI-82 as its consumer, files, and metrics."""

import dataclasses
import json
import re
import sys
from datetime import datetime, timedelta

import httpx
import pytest

from profiles.errors import BadInput, NotAuthorised, NotFound, Unavailable
from profiles.sole.event import Algorithm, OperationalEvent, Source, Thread
from profiles.sole.message import encode, type_codes
from profiles.sole.syslog import compose
from sole_logging.exchange import Repository, entries_of, frame_of, metrics_text, read_entries, write_entries
from sole_logging.records import message_document
from tests.sole_logging.measures.log_scene import START, ai_run, entry, memory, read_study

SOURCE = Source("ai", "ai1", "7", "North")
LATER = START + timedelta(hours=1)


def message(step, second, application="IHE+SOLE", **told):
    """A message with the members of ITI-82."""
    event = OperationalEvent(
        step, START + timedelta(seconds=second), Thread("P1", "A1", "", "", "2.999.1", "2.999.9.1")
    )
    event = dataclasses.replace(event, **told)
    at = event.at + timedelta(milliseconds=500)
    code = type_codes(event)[0].code
    raw = compose(
        encode(event, SOURCE), pri=85, at=at, hostname="ai1", application=application, process="7", message_id=code
    )
    return message_document(raw)


class Server:
    """An ITI-82 responder in memory."""

    def __init__(self, messages, pages=True, counts=True, most=None):
        self.messages, self.pages, self.counts, self.most = messages, pages, counts, most
        self.asked = []

    def __call__(self, request):
        self.asked.append(request.url)
        query = request.url.params
        bounds = dict(re.match("(ge|lt)(.+)", value).groups() for value in query.get_list("date"))
        low, high = (datetime.fromisoformat(bounds[name]) for name in ("ge", "lt"))
        found = [one for one in self.messages if low <= datetime.fromisoformat(one["Timestamp"]) < high]
        if self.most and len(found) > self.most:
            return httpx.Response(413, text="too many")
        start = int(query["_offset"]) if self.pages else 0
        size = int(query["_count"]) if self.counts else len(found)
        return httpx.Response(200, json={"Events": found[start : start + size]})


def repository(handler, **settings):
    return Repository("http://log.example/", transport=httpx.MockTransport(handler), **settings)


def retrieved(handler, **settings):
    with repository(handler, **settings) as asked:
        return list(asked.messages(START, LATER))


RUN = [message("inference-started", 10), message("inference-ended", 25, algorithm=Algorithm("lung", "2.1"))]


@pytest.mark.requirement("SOLE-EC-001")
def test_a_range_of_time_is_asked_for_with_a_zone_and_the_plus_sign_encoded():
    server = Server(RUN)
    with repository(server) as asked:
        assert len(list(asked.messages(START, LATER, msg_id="SOLE114"))) == 2
    url = server.asked[0]
    assert url.path == "/syslogsearch"
    assert "app-name=IHE%2BSOLE" in str(url)
    assert url.params.get_list("date") == ["ge2026-03-02T08:00:00Z", "lt2026-03-02T09:00:00Z"]
    assert url.params["msg-id"] == "SOLE114"


@pytest.mark.requirement("SOLE-EC-002", "SOLE-EC-005", "SOLE-068")
def test_unknown_events_are_tolerated_and_events_of_other_applications_never_counted():
    unknown = {**RUN[0], "Msg": RUN[0]["Msg"].replace("SOLE114", "SOLE999").replace("AIX121", "XYZ")}
    broken = {**RUN[0], "Msg": "<AuditMessage>"}
    other = message("inference-ended", 500, application="Stepwell")
    entries = list(entries_of([*reversed(RUN), unknown, broken, other, {**broken, "Pri": "-", "Timestamp": "-"}]))
    assert [one.codes[0] for one in entries] == ["SOLE115", "SOLE114", "SOLE999"]
    with memory() as facts:
        for number in range(5):
            facts.apply(
                [
                    dataclasses.replace(
                        one, workitem=f"2.999.{number}", study="", accession="", event_id=f"{number}{one.event_id}"
                    )
                    for one in entries
                ]
            )
        group = facts.one("A07")
        assert (group.count, group.median) == (5, 15_000_000)
    assert entries[0].received_at - entries[0].at == timedelta(milliseconds=500)
    assert (entries[0].engine, entries[0].site) == ("lung", "North")


def test_a_reader_is_known_by_the_role_of_a_participant_without_address():
    reader = (
        '<ActiveParticipant UserID="E1" UserIsRequestor="true"><RoleIDCode csd-code="121098" /></ActiveParticipant>'
    )
    signed = {**RUN[0], "Msg": RUN[0]["Msg"].replace("<ActiveParticipant", reader + "<ActiveParticipant", 1)}
    assert [one.person for one in entries_of([RUN[0], signed])] == ["", "E1"]


@pytest.mark.requirement("SOLE-EC-003")
@pytest.mark.parametrize(
    "server",
    [
        {},
        {"pages": False, "counts": False},
        {"pages": False},
        {"most": 700},
    ],
    ids=["pages", "all-at-once", "counts-without-offset", "refuses-large-answers"],
)
def test_ten_thousand_events_are_complete_whatever_a_repository_knows_of_paging(server):
    many = [
        {**RUN[0], "Timestamp": f"2026-03-02T08:{n // 170:02}:{n % 60:02}Z", "Procid": str(n)} for n in range(10_000)
    ]
    many.sort(key=lambda one: one["Timestamp"])
    found = retrieved(Server(many, **server))
    assert sorted(one["Procid"] for one in found) == sorted(one["Procid"] for one in many)


@pytest.mark.requirement("SOLE-EC-004")
@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (httpx.Response(401), NotAuthorised, "401"),
        (httpx.Response(403, text="not you"), NotAuthorised, "not you"),
        (httpx.Response(404), NotFound, "base address"),
        (httpx.Response(400, text="date?"), BadInput, "date"),
        (httpx.Response(500), Unavailable, "Try again later"),
        (httpx.Response(200, text='{"Events": [{"Pri": "85", '), Unavailable, "broken off"),
        (httpx.Response(200, json={"Events": [1]}), Unavailable, "no answer of ITI-82"),
        (httpx.ReadTimeout("slow"), Unavailable, "did not answer in time"),
        (httpx.ConnectError("refused"), Unavailable, "cannot be asked"),
    ],
    ids=["401", "403", "404", "400", "500", "truncated", "no-events", "timeout", "no-connection"],
)
def test_what_goes_wrong_is_told_in_words(answer, error, words):
    def handler(_request):
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(error, match=words):
        retrieved(handler)


def test_a_second_with_more_than_fits_an_answer_is_told():
    crowd = [{**RUN[0], "Timestamp": "2026-03-02T08:00:00Z"}] * 20
    with pytest.raises(Unavailable, match="one second"):
        retrieved(Server(crowd, most=5))


def test_a_message_comes_back_as_the_frame_it_was():
    raw = frame_of(RUN[0])
    assert raw.startswith(b"<85>1 2026-03-02T08:00:10.500000Z ai1 IHE+SOLE 7 SOLE114 - <AuditMessage>")
    assert frame_of({**RUN[0], "Pri": "-", "Msg": "words"}) == b"words"


LOG = [*read_study(1, person="E40817"), *ai_run(1)]


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_entries_come_back_from_files_as_they_were_but_for_the_names_of_people(tmp_path, ending):
    path = tmp_path / f"log.{ending}"
    assert write_entries(path, LOG) == len(LOG)
    assert b"E40817" not in path.read_bytes()
    assert list(read_entries(path)) == [dataclasses.replace(one, person=one.person and "person 1") for one in LOG]


@pytest.mark.parametrize(
    "content",
    [
        "[1]",
        "{",
        '{"event_id": "1", "at": "x", "codes": ""}',
        '{"event_id": "1", "at": "2026-03-02T08:00:00", "codes": ""}',
    ],
)
def test_a_file_that_is_no_log_is_refused_with_the_entry_that_is_wrong(tmp_path, content):
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"event_id": "0", "at": "2026-03-02T08:00:00Z", "codes": "RID45813"}) + "\n" + content)
    with pytest.raises(BadInput, match="cannot be read"):
        list(read_entries(path))


def test_files_that_cannot_be_are_told_in_words(tmp_path, monkeypatch):
    with pytest.raises(NotFound):
        list(read_entries(tmp_path / "none.csv"))
    with pytest.raises(BadInput, match=r"\.parquet"):
        write_entries(tmp_path / "log.xlsx", LOG)
    with pytest.raises(Unavailable):
        write_entries(tmp_path / "none" / "log.csv", LOG)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Unavailable, match="pip install"):
        write_entries(tmp_path / "log.parquet", LOG)


def test_measures_are_metrics_in_seconds_and_small_groups_are_none():
    with memory() as facts:
        facts.apply(*(read_study(number) for number in range(1, 7)), read_study(7, site="Tiny"))
        facts.apply([entry("RID45914", 0, study=f"2.999.{number}") for number in range(50, 56)])
        said = metrics_text(facts.ask("K12", "K18", by="site"))
    labels = 'by="site",group="",measure="K12",name="report turnaround from exam completed",statistic="median"'
    assert f"stepwell_measure{{{labels}}} 1500.0" in said
    assert 'why="pending"} 6.0' in said
    assert "Tiny" not in said
    assert "stepwell_measure_data_as_of_seconds" in said
    with memory() as facts:
        assert "data_as_of" not in metrics_text(facts.ask("K12"))

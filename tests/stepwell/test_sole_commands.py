"""``stepwell sole`` over a log of its own, over a file, and over a repository that answers ITI-82."""

import json
from contextlib import closing
from datetime import timedelta

import httpx
import pytest
from typer.testing import CliRunner

from profiles.errors import BadInput, NotFound
from profiles.sole.event import Algorithm, OperationalEvent, Source, Thread
from profiles.sole.message import encode, type_codes
from profiles.sole.retrieval import parse_query
from profiles.sole.syslog import compose
from sole_logging import exchange
from sole_logging.records import Receipt
from sole_logging.store import EventStore
from stepwell.cli import app
from tests.sole_logging.measures.log_scene import START

SOURCE = Source("task_performer", "ai1", "7", "North")
WINDOW = ("--since", "2026-03-02", "--until", "2026-03-02")
STEPS = {
    "images-stored": 0,
    "images-available": 1,
    "workitem-created": 2,
    "workitem-claimed": 3,
    "images-requested": 4,
    "images-retrieved": 6,
    "inference-started": 7,
    "inference-ended": 20,
    "result-stored": 22,
    "result-available": 23,
    "workitem-completed": 24,
    "exam-opened": 100,
}


def receipts():
    """Seven studies with an AI run each."""
    for number in range(1, 8):
        for step, second in STEPS.items():
            workitem = f"2.999.9.{number}" if step not in ("images-stored", "images-available", "exam-opened") else ""
            at = START + timedelta(seconds=60 * number + second)
            engine = Algorithm("lung", "2.1") if step == "inference-ended" else None
            thread = Thread("P1", f"A{number}", "", "", f"2.999.{number}", workitem)
            event = OperationalEvent(step, at, thread, performer="AI1" if workitem else "", algorithm=engine)
            header = {"hostname": "ai1", "application": "IHE+SOLE", "process": "7"}
            code = type_codes(event)[0].code
            raw = compose(encode(event, SOURCE), pri=85, at=at, message_id=code, **header)
            yield Receipt(raw, at + timedelta(seconds=1), "syslog-tls")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A configuration whose repository holds those events."""
    folder = tmp_path_factory.mktemp("log")
    config = folder / "stepwell.toml"
    config.write_text(f'[stepwell]\ndata_dir = "{folder}"\n')
    (folder / "event_repository").mkdir()
    with closing(EventStore(folder / "event_repository" / "events.sqlite")) as store:
        store.add(list(receipts()))
    return config


def run(*arguments, config=None):
    extra = ["--config", str(config)] if config else []
    return CliRunner().invoke(app, ["sole", *map(str, arguments), *extra])


def output(*arguments, config=None):
    done = run(*arguments, config=config)
    assert done.exit_code == 0, done.exception
    return done.stdout


def groups(text, name):
    return next(one for one in json.loads(text)["measures"] if one["id"] == name)["groups"]


def test_measures_are_computed_from_the_log_and_say_their_method(log):
    said = output("measure", "A07", "A11", "A14", *WINDOW, "--json", config=log)
    assert groups(said, "A07")[0]["median"] == 13_000_000
    assert groups(said, "A11")[0]["median"] == 23_000_000
    assert groups(said, "A14")[0]["mean"] == 1.0
    table = output("measure", *WINDOW, "--by", "engine", "--where", "engine=lung", config=log)
    assert "13.00 s" in table


def test_groups_below_five_are_said_to_be_so_and_not_shown(log):
    said = output("measure", "A07", "--since", "2026-03-02T08:01:00Z", "--until", "2026-03-02T08:03:00Z", config=log)
    assert "below 5" in said
    assert "13.00 s" not in said


def test_events_are_found_by_any_identifier(log):
    for identifier, number in (("A3", 12), ("2.999.3", 12), ("2.999.9.3", 9), ("nothing", 0), ("", 84)):
        assert len(json.loads(output("search", identifier, *WINDOW, "--json", config=log))) == number
    assert "step completed" in output("search", "A3", "--code", "SOLE115", *WINDOW, config=log)


def test_what_is_missing_is_listed(log):
    found = json.loads(output("gaps", "--since", "2026-03-01", "--json", config=log))
    assert {one["kind"] for one in found} == {"never-read", "silent-source"}
    assert "no report signed: A1" in output("gaps", "--since", "2026-03-01", config=log)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_an_exported_log_gives_the_same_measures_and_can_be_brought_in(log, tmp_path, ending):
    path = tmp_path / f"log.{ending}"
    assert "84 events" in output("export", path, *WINDOW, config=log)
    assert b"P1^^^" not in path.read_bytes()
    own = json.loads(output("measure", *WINDOW, "--json", config=log))
    copied = json.loads(output("measure", *WINDOW, "--json", "--from", path))
    assert copied["measures"] == own["measures"]
    assert "84 events" in output("import", path, config=log)
    again = json.loads(output("measure", *WINDOW, "--json", config=log))
    assert again["measures"] == own["measures"]


def test_measures_are_written_for_prometheus(log, tmp_path):
    path = tmp_path / "measures.prom"
    output("export", path, *WINDOW, config=log)
    assert 'measure="A07"' in path.read_text()


@pytest.mark.requirement("SOLE-EC-002", "SOLE-EC-005")
def test_another_repository_is_searched_measured_and_brought_in(log, tmp_path, monkeypatch):
    with closing(EventStore(log.parent / "event_repository" / "events.sqlite")) as store:

        def answer(request):
            return httpx.Response(200, json={"Events": store.messages(parse_query(request.url.params.multi_items()))})

        class Asked(exchange.Repository):
            """The other repository in this process."""

            def __init__(self, url, **given):
                super().__init__(url, transport=httpx.MockTransport(answer), **given)

        monkeypatch.setattr("stepwell.logbook.Repository", Asked)
        address = "http://log.example"
        assert len(json.loads(output("search", "A3", *WINDOW, "--json", "--from", address))) == 12
        said = output("measure", "A07", *WINDOW, "--json", "--from", address)
        assert groups(said, "A07")[0]["median"] == 13_000_000
        assert "84 events" in output("export", tmp_path / "other.csv", *WINDOW, "--from", address)
        assert "84 messages were read, 0 of them new" in output("import", address, *WINDOW, config=log)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("measure", "K99"), BadInput),
        (("measure", "--where", "modality"), BadInput),
        (("measure", "--since", "2026-03-03", "--until", "2026-03-02"), BadInput),
        (("measure", "--from", "none.csv"), NotFound),
    ],
    ids=["measure", "filter", "window", "file"],
)
def test_mistakes_are_told_in_words(log, arguments, error):
    assert isinstance(run(*arguments, config=log).exception, error)


def test_without_a_log_the_words_say_how_to_get_one(tmp_path):
    config = tmp_path / "stepwell.toml"
    config.write_text(f'[stepwell]\ndata_dir = "{tmp_path}"\n')
    refused = run("measure", config=config).exception
    assert isinstance(refused, NotFound)
    assert "Run the Event Repository first" in refused.message


@pytest.mark.requirement("SOLE-067")
def test_another_repository_is_shown_the_token_of_a_file(tmp_path, monkeypatch):
    shown = []

    def answer(request):
        shown.append(request.headers.get("authorization"))
        return httpx.Response(200, json={"Events": []})

    token = tmp_path / "token"
    token.write_text("0123456789abcdef\n")
    client = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **given: client(**given | {"transport": httpx.MockTransport(answer)}))
    asked = ["search", "--from", "https://log.example.org", "--json"]
    for before in (["--token-file", str(token)], []):
        assert CliRunner().invoke(app, ["sole", *before, *asked]).stdout == "[]\n"
    assert shown == ["Bearer 0123456789abcdef", None]

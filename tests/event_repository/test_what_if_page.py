"""The page that asks what if: it proves itself, says its doubts, and stands in its address."""

import random
from datetime import timedelta

import pytest

from actors.event_repository.dashboard.what_if import read_question
from profiles.errors import BadInput
from sole_logging.measures.entry import LogEntry
from tests.event_repository.dashboard_scene import NOW, Dashboard


def queue_log(number=150):
    """One performer that is busy for more than half of its time."""
    chance = random.Random(4)  # noqa: S311 - a simulation
    free = at = NOW - timedelta(days=2)
    for run in range(number):
        at += timedelta(seconds=chance.expovariate(1 / 90))
        claimed = max(free, at) + timedelta(seconds=1)
        free = claimed + timedelta(seconds=chance.expovariate(1 / 60))
        for code, moment in (("AIX101", at), ("AIX103", claimed), ("AIX107", free)):
            told = {"workitem": f"2.999.{run}", "engine": "brain <1>", "performer": "AI1"}
            told["priority"] = ("HIGH", "LOW")[run % 2]
            yield LogEntry(f"{run}{code}", moment, moment, (code,), 0, "ai", **told)


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory):
    made = Dashboard(tmp_path_factory.mktemp("what-if"), *queue_log())
    yield made
    made.store.close()


def test_the_page_shows_waits_as_they_would_be_beside_the_proof_of_its_model(dashboard):
    page = dashboard.get("/dashboard/what-if", performers="1").text
    assert "The model fits the log" in page
    assert "Does the model fit?" in page
    assert "distance of Kolmogorov and Smirnov" in page
    assert "brain &lt;1&gt;" in page
    assert "AI1" not in page
    (heading, *rows) = dashboard.table("what-if", "waits", performers="1")
    assert heading[1:3] == ["Median now (s)", "Median what if (s)"]
    assert [row[0] for row in rows] == ["all", "HIGH", "LOW", "creation to end"]
    assert all(float(row[4]) < float(row[3]) for row in rows)


def test_the_question_stands_in_the_address_of_its_table(dashboard):
    page = dashboard.get("/dashboard/what-if", load="2", of="brain <1>", speed="1.5", policy="stat-first").text
    assert "performers=0&amp;speed=1.5&amp;of=brain+%3C1%3E&amp;policy=stat-first&amp;load=2.0" in page
    assert '<option value="stat-first" selected>' in page


def test_a_queue_without_end_is_not_to_be_trusted(dashboard):
    page = dashboard.get("/dashboard/what-if", load="4").text
    assert "Do not trust this answer" in page
    assert "grows as long as work comes" in page


def test_what_cannot_be_simulated_is_said_on_the_page(dashboard):
    answer = dashboard.get("/dashboard/what-if", performers="-1")
    assert answer.status_code == 200
    assert "at least one must be left" in answer.text
    assert "Nothing was simulated" in answer.text
    assert "Load and speed are factors" in dashboard.get("/dashboard/what-if", load="50").text


def test_few_cases_are_shown_with_their_doubts_and_the_other_pages_lead_here(dashboard):
    page = dashboard.get("/dashboard/what-if", last="24h").text
    assert "fewer than 100 workitems" in page
    assert 'href="/dashboard/what-if"' in dashboard.get("/dashboard/").text


def test_the_words_of_a_question_are_told_from_those_of_a_view():
    question, rest = read_question([("performers", "+2"), ("last", "7d"), ("load", "")])
    assert (question.performers, question.load, rest) == (2, 1.0, [("last", "7d")])
    with pytest.raises(BadInput, match="performers is 'two', which is no number"):
        read_question([("performers", "two")])

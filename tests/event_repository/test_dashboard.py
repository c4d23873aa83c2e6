"""The dashboard: what its pages say, what their addresses mean, and what they keep to themselves."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from actors.event_repository.dashboard.charts import Cell, Chart, Column
from actors.event_repository.dashboard.serving import Live
from actors.event_repository.dashboard.views import read_view
from profiles.errors import BadInput, Unavailable
from sole_logging.measures.entry import LogEntry
from tests.event_repository.dashboard_scene import BEGIN, NOW, Dashboard, hospital_log

ATTACK = '"><script>alert(1)</script>'
PAGES = ("", "now", "efficiency", "distribution", "compare", "failures", "gaps", "left-out")


@pytest.fixture(scope="module")
def log():
    return list(hospital_log())


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory, log):
    made = Dashboard(tmp_path_factory.mktemp("dashboard"), *log)
    yield made
    made.store.close()


@pytest.fixture
def small(tmp_path):
    """Makes dashboards over a few entries."""
    made = []

    def make(*entries, **options):
        made.append(Dashboard(tmp_path, *entries, **options))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


def entry(codes, minute=0, **told):
    at = NOW - timedelta(hours=2) + timedelta(minutes=minute)
    values = {"event_id": f"{codes}{minute}{told.get('workitem', '')}{told.get('study', '')}", "received_at": at}
    return LogEntry(at=at, codes=tuple(codes.split("+")), **{"outcome": 0, "source": "ai", **values, **told})


@pytest.mark.parametrize("page", PAGES, ids=lambda name: name or "start")
def test_every_page_is_made_of_our_own_files_and_says_how_old_its_data_are(dashboard, page):
    answer = dashboard.get(f"/dashboard/{page}")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert " style=" not in answer.text
    assert answer.text.count("<script") == answer.text.count("<script src=")
    if page not in ("gaps", "compare"):
        assert re.search(r"[Aa]s of", answer.text)


@pytest.mark.parametrize("page", PAGES, ids=lambda name: name or "start")
def test_an_empty_log_is_explained(small, page):
    answer = small().get(f"/dashboard/{page}")
    assert answer.status_code == 200
    assert re.search("Choose a longer window|Nobody has sent|No gaps|The log is empty", answer.text)


@pytest.mark.requirement("SOLE-085")
def test_the_share_of_results_that_are_there_in_time_is_that_of_a_count_by_hand(small):
    minutes = [(ready, opened) for ready in (20, 30, 40) for opened in (25, 30, 35, None)] + [(None, 50)]
    entries = []
    for number, (ready, opened) in enumerate(minutes):
        study = {"study": f"2.999.{number}"}
        work = {"workitem": f"2.999.9.{number}", **study}
        entries += [entry("RID45914", 10, **study), entry("AIX101", 11, **work), entry("AIX103", 12, **work)]
        entries += [entry("AIX131", ready - 1, **work), entry("RID45833+AIX132", ready, **work)] if ready else []
        entries += [entry("RID45893", opened, **study)] if opened else []
    both = [(ready, opened) for ready, opened in minutes if ready and opened]
    share = 100 * sum(ready <= opened for ready, opened in both) / len(both)
    page = small(*entries).get("/dashboard/").text
    assert f"<strong>{share:.1f} %</strong> ready before the study was opened<small>of {len(both)}</small>" in page


def test_efficiency_shows_percentiles_over_time_with_gaps_and_each_row_leads_to_its_cases(dashboard):
    rows = dashboard.table("efficiency", "A11", last="30d")
    assert rows[0][:5] == ["Day (UTC)", "Median (s)", "90 % (s)", "95 % (s)", "Longest (s)"]
    told = {row[0]: row for row in rows[1:]}
    assert len(told) == 31
    assert told["2026-02-20"][1:] == ["", "", "", "", "0", "0"], "a gap, and no zero"
    day = told["2026-03-04"]
    assert 0 < float(day[1]) < float(day[2]) <= float(day[3]) <= float(day[4])
    page = dashboard.get("/dashboard/efficiency").text
    (link,) = re.findall(r'href="([^"]*measure=A11[^"]*)">2026-03-04<', page)
    one_day = dashboard.get(link.replace("&amp;", "&")).text
    assert "2026-03-04 00:00 to 2026-03-05 00:00 UTC" in one_day
    assert "Percentiles by linear interpolation between closest ranks" in page
    assert "Groups of fewer than 5 cases are not shown" in page


def test_inference_time_is_shown_by_engine_and_version(dashboard):
    rows = dashboard.table("efficiency", "A07")
    assert [row[0] for row in rows[1:]] == [
        "chest findings 1.4",
        "chest findings 1.5",
        "lung nodules 2.1",
        "lung nodules 3.0",
    ]


def test_the_distribution_leads_to_the_longest_cases_and_to_the_timeline_of_a_study(dashboard):
    dashboard.audited.clear()
    rows = dashboard.table("distribution", "spread", measure="A07")
    assert float(rows[-1][2]) == 1.0
    longest = dashboard.table("distribution", "outliers", measure="A07")
    values = [float(row[1]) for row in longest[1:]]
    assert values == sorted(values, reverse=True)
    page = dashboard.get("/dashboard/distribution", measure="A07").text
    (link,) = re.findall(rf'href="(/dashboard/case/[^"]*)">{longest[1][0]}<', page)
    timeline = dashboard.get(link).text
    assert f"Accession {longest[1][0]}" in timeline
    for words in (
        "Order Created",
        "AI Workitem Claimed",
        "AI Inference",
        "inference time",
        "http://127.0.0.1:9/workitems/",
    ):
        assert words in timeline, words
    assert dashboard.audited == [*["/dashboard/distribution.csv"] * 2, "/dashboard/distribution", link]


def test_a_study_is_found_by_any_of_its_numbers_and_an_unknown_one_is_said_to_be(dashboard):
    found = dashboard.get("/dashboard/find", name=" A00000100 ")
    assert found.headers["location"] == "/dashboard/case/A00000100"
    assert dashboard.get("/dashboard/case/A00000100").status_code == 200
    assert dashboard.get("/dashboard/case/no/such").status_code == 404


def test_values_of_single_cases_are_not_there_for_shares(dashboard):
    assert dashboard.get("/dashboard/distribution", measure="A14").status_code == 200
    assert dashboard.get("/dashboard/distribution.csv", measure="A14", chart="outliers").status_code == 404


def test_two_versions_are_compared_in_words(dashboard):
    versions = {"mode": "versions", "engine": "lung nodules", "old": "2.1", "new": "3.0"}
    page = dashboard.get("/dashboard/compare", **versions).text
    assert re.search(
        r"Inference time: the median is [\d.]+ s shorter in the new version \(95 % confidence: between -[\d.]+ s and -",
        page,
    )
    rows = dashboard.table("compare", "differences", **versions)
    assert rows[1][0] == "inference time (median)"
    assert "Name the two versions" in dashboard.get("/dashboard/compare", mode="versions").text


def test_two_periods_are_compared_and_what_has_few_cases_is_not(dashboard):
    later = {"since": "2026-03-07", "until": "2026-03-11"}
    page = dashboard.get("/dashboard/compare", **later).text
    assert "2026-03-03 to 2026-03-07 against 2026-03-07 to 2026-03-11" in page
    assert "no difference that chance could not have made" in page
    page = dashboard.get("/dashboard/compare", before_since="2026-01-01", before_until="2026-01-02", **later).text
    assert "one side has fewer than 5 cases, so nothing is said" in page


def failed(number, reason, outcome=8):
    work = {"workitem": f"2.999.{number}", "engine": "lung", "engine_version": "1"}
    canceled = entry("AIX106", number, outcome=outcome, reason=reason, **work)
    return [entry("AIX101", number, **work), entry("AIX103", number, **work), canceled]


def test_failures_are_ordered_by_how_often_and_rare_reasons_are_put_together(small):
    reasons = ["110501"] * 6 + ["110524"] * 9 + ["110521"] * 3 + ["=cmd()"] * 3
    entries = [one for number, reason in enumerate(reasons) for one in failed(number, reason)]
    pages = small(*entries)
    rows = pages.table("failures", "pareto-A21")
    assert [(row[0], row[-2]) for row in rows[1:]] == [
        ("Media Failure (110524)", "9"),
        ("Equipment failure (110501)", "6"),
        ('"Other reasons', "6"),
    ]
    assert rows[-1][-1] == "1"
    assert pages.get("/dashboard/failures.csv", chart="pareto-A22").text.count("\n") == 1


@pytest.mark.requirement("SOLE-083")
def test_work_that_was_begun_and_not_ended_stands_still_and_is_pending(small):
    work = {"workitem": "2.999.1", "study": "2.999", "accession": "A1", "performer": "AI1"}
    begun = [entry("AIX101", 0, **work), entry("AIX103", 1, **work), entry("SOLE114+AIX121", 2, **work)]
    others = [one for number in range(9) for one in failed(number + 10, "110501")]
    pages = small(*begun, *others)
    page = pages.get("/dashboard/").text
    assert re.search(r"<strong[^>]*>1</strong> stand still", page)
    assert '<a href="/dashboard/case/2.999.1">A1</a>' in page
    assert '<a href="/dashboard/case/2.999.1">A1</a>' in pages.get("/dashboard/gaps").text
    (row,) = (row for row in pages.table("left-out", "left-out") if row[0] == "A07 inference time")
    assert row[3] == "1"


@pytest.mark.requirement("SOLE-068")
def test_groups_of_fewer_than_five_cases_are_not_shown(small):
    def run(number, site):
        work = {"workitem": f"2.999.{number}", "site": site, "modality": "CT"}
        return [entry("SOLE114+AIX121", number, **work), entry("SOLE115+AIX122", number + 1, **work)]

    entries = [one for number in range(8) for one in run(number, "North" if number else "Tiny")]
    pages = small(*entries)
    rows = pages.table("distribution", "groups", measure="A07", by="site")
    assert rows[1][:2] == ["North", "60"]
    assert rows[2] == ["Tiny", "", "", "", "", "", ""]
    assert "fewer than 5" in pages.get("/dashboard/distribution", measure="A07", by="site").text
    few = pages.get("/dashboard/distribution", measure="A07", site="Tiny").text
    assert "single ones are not shown" in few


def test_what_sources_write_is_shown_as_text_and_people_not_at_all(small):
    work = {"workitem": "2.999.1", "study": "2.999", "accession": ATTACK, "performer": ATTACK, "site": ATTACK}
    told = {**work, "source": ATTACK, "person": "Dr Ada", "engine": ATTACK, "reason": ATTACK}
    pages = small(entry("AIX101", 0, **told), entry("AIX103", 1, **told), entry("SOLE114+AIX121", 2, **told))
    for address in (*(f"/dashboard/{page}" for page in PAGES), "/dashboard/case/2.999.1"):
        text = pages.get(address).text
        assert "<script>alert" not in text, address
        assert "Dr Ada" not in text, address
    assert "&lt;script&gt;alert(1)" in pages.get("/dashboard/").text


def test_no_cell_of_a_file_is_taken_for_a_formula():
    rows = tuple((Cell(text),) for text in ("=cmd()", "+1", "@x", "-2", "a=b"))
    assert Chart("one", "One", (Column("What"),), rows).as_csv().splitlines()[1:] == [
        "'=cmd()",
        "'+1",
        "'@x",
        "'-2",
        "a=b",
    ]


def test_metrics_are_those_of_the_last_day(dashboard):
    answer = dashboard.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert re.search(r'stepwell_measure\{by="",group="",measure="K12",[^}]*statistic="median"\} \d', answer.text)


VIEWS = {
    "last": "last=7d&modality=CT&modality=MR&site=-",
    "window": "since=2026-03-02T08%3A00%3A00&until=2026-03-03T00%3A00%3A00&measure=K12&by=site",
    "versions": "last=30d&mode=versions&old=1&new=2&engine=lung",
}


@pytest.mark.parametrize("address", VIEWS.values(), ids=VIEWS)
def test_an_address_that_is_sent_to_a_colleague_shows_the_same(address):
    pairs = [tuple(pair.split("=")) for pair in address.replace("%3A", ":").split("&")]
    view = read_view(pairs, NOW)
    again = read_view([tuple(one.replace("%3A", ":").split("=")) for one in view.query().split("&")], NOW)
    assert again == view
    assert sorted(view.query().split("&")) == sorted(address.split("&"))


def test_a_filter_without_value_means_cases_that_do_not_tell_it():
    assert read_view([("site", "-"), ("modality", "CT")], NOW).filters == {"site": ("",), "modality": ("CT",)}


@pytest.mark.parametrize(
    "pairs",
    [
        [("colour", "red")], [("last", "3y")], [("since", "yesterday")], [("measure", "K99")], [("mode", "moons")],
        [("since", "2026-03-02"), ("until", "2026-03-01")], [("site", "x" * 300)], [("until", "9999999999")],
    ],
    ids=["name", "last", "time", "measure", "mode", "backwards", "long", "year"],
)  # fmt: skip
def test_an_address_that_makes_no_sense_is_refused_with_what_would(dashboard, pairs):
    with pytest.raises(BadInput):
        read_view(pairs, NOW)
    assert dashboard.get("/dashboard/efficiency", **dict(pairs)).status_code == 400


@pytest.mark.parametrize(("days", "grain"), [(1, "hour"), (30, "day"), (365, "week"), (900, "month")])
def test_longer_windows_are_shown_in_longer_spans(days, grain):
    view = read_view([], NOW)
    assert replace(view, since=NOW - timedelta(days=days)).grain == grain


def test_pages_are_told_of_news_and_let_go_when_the_server_ends(dashboard):
    async def listen():
        live = Live(dashboard.store)
        stream = live.listen()
        told = [await anext(stream)]
        dashboard.store.wake()
        told.append(await anext(stream))
        await live.end()
        told += [one async for one in stream]
        return told

    assert asyncio.run(listen()) == ["retry: 3000\n\n", "event: news\ndata: 1\n\n"]


def test_not_everybody_can_listen_at_once(dashboard):
    async def crowd():
        live = Live(dashboard.store)
        streams = [live.listen() for _ in range(200)]
        for one in streams:
            await anext(one)
        with pytest.raises(Unavailable):
            live.listen()
        for one in streams:
            await one.aclose()
        await anext(live.listen())

    asyncio.run(crowd())


def test_the_window_begins_with_the_log():
    assert read_view([("since", BEGIN.isoformat())], NOW).until == NOW

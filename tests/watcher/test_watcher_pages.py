"""The Watcher's pages over a real worklist: what they show, and what they say when something is away."""

from datetime import UTC, datetime

import pytest

from connectathon.waiting import free_port
from profiles.dicom import new_uid

ATTACK = "<script>alert(1)</script>"


def test_an_empty_worklist_explains_itself(web):
    assert "The worklist is empty" in web.get("/").text


def test_the_board_shows_state_patient_order_and_why(web, add):
    uid = add()
    page = web.get("/").text
    for words in ("scheduled", "Brain extraction", "FICTIONAL, ADA", "P-77", "ACC1", "nobody yet", "to claim it"):
        assert words in page, words
    assert f'href="/workitems/{uid}"' in page
    assert 'href="/timeline/ACC1"' in page


def test_the_board_can_be_filtered_by_state_priority_label_engine_and_age(web, add, ups):
    add(accession="LOW1", routine_priority="LOW", worklist_label="night")
    claimed = add(accession="HIGH1", routine_priority="HIGH", worklist_label="day")
    ups.claim(claimed, new_uid())
    for query, there, gone in (
        ("state=SCHEDULED", "LOW1", "HIGH1"),
        ("state=IN+PROGRESS", "HIGH1", "LOW1"),
        ("priority=HIGH", "HIGH1", "LOW1"),
        ("label=night", "LOW1", "HIGH1"),
        ("age=hour", "LOW1", "nothing"),
        ("engine=BE", "LOW1", "nothing"),
    ):
        page = web.get(f"/?{query}").text
        assert there in page, query
        assert gone not in page, query
    assert "Nothing matches" in web.get("/?engine=OTHER").text


def test_a_completed_workitem_leads_to_its_result(web, add, complete):
    study, segmentation = new_uid(), new_uid()
    uid = add(study=study)
    complete(uid, study, segmentation)
    page = web.get(f"/workitems/{uid}").text
    assert f"/results/{study}?segmentation={segmentation}" in page
    assert "Done by AI_ONE" in page
    assert "AI one (AI_ONE)" in page
    assert "Segmentation" in page


def test_a_workitem_in_progress_refreshes_itself_and_a_final_one_does_not(web, add, complete):
    study = new_uid()
    uid = add(study=study)
    assert "hx-trigger" in web.get(f"/workitems/{uid}").text
    complete(uid, study, new_uid())
    assert "hx-trigger" not in web.get(f"/workitems/{uid}").text


@pytest.mark.requirement("AIWI-TM-003")
def test_no_page_ever_holds_a_transaction_uid(web, add, ups):
    uid, transaction = add(), new_uid()
    ups.claim(uid, transaction)
    for address in ("/", f"/workitems/{uid}", "/timeline/ACC1"):
        page = web.get(address).text
        assert transaction not in page
        assert "00081195" not in page


def test_names_and_labels_with_markup_are_shown_as_text(web, add, event_search):
    uid = add(name=f"{ATTACK}^X", label='"><img src=x onerror=alert(2)>', accession="<b>bold")
    event_search.events = [
        {
            "at": datetime.now(UTC).isoformat(),
            "step": "",
            "meaning": ATTACK,
            "source": ATTACK,
            "details": {ATTACK: ATTACK},
        }
    ]
    for address in ("/", "/board", f"/workitems/{uid}", "/timeline/%3Cb%3Ebold"):
        page = web.get(address).text
        assert "<script>alert" not in page, address
        assert "<img src=x" not in page, address
        assert "<b>bold" not in page, address
    assert "&lt;script&gt;alert(1)" in web.get("/").text


def test_the_timeline_shows_events_times_spans_and_workitems(web, add, event_search):
    uid = add()
    event_search.events = [
        {"at": "2026-11-24T12:00:05+00:00", "step": "inference-ended", "source": "task_performer", "outcome": 0},
        {"at": "2026-11-24T12:00:00+00:00", "step": "inference-started", "source": "task_performer", "outcome": 0},
    ]
    page = web.get("/timeline/ACC1").text
    assert page.index("Inference started") < page.index("Inference ended")
    assert "5.0 s" in page
    assert f'href="/workitems/{uid}"' in page
    assert event_search.asked[-1]["accession"] == "ACC1"


def test_a_timeline_without_events_says_what_to_do(web):
    assert "knows nothing of accession number ACC9" in web.get("/timeline/ACC9").text


def test_a_task_manager_that_is_away_is_a_page_that_says_so(pages, event_search):
    address = f"http://127.0.0.1:{free_port()}/ups-rs"
    web = pages(task_manager_url=address, event_repository_url=event_search.url)
    for path in ("/", "/board"):
        answer = web.get(path)
        assert answer.status_code == 200, "the page goes on asking"
        assert address in answer.text
    answer = web.get("/workitems/2.25.1")
    assert answer.status_code == 503
    assert address in answer.text
    assert web.get("/timeline/ACC1").status_code == 200


@pytest.mark.parametrize("broken", ["not json", "away"])
def test_an_event_repository_that_is_away_leaves_the_rest_of_the_page(pages, worklist_url, event_search, add, broken):
    url = event_search.url if broken != "away" else f"http://127.0.0.1:{free_port()}"
    event_search.broken = broken
    web, uid = pages(task_manager_url=worklist_url, event_repository_url=url), add()
    for path in (f"/workitems/{uid}", "/timeline/ACC1"):
        answer = web.get(path)
        assert answer.status_code == 200
        assert "event repository" in answer.text
        assert "Brain extraction" in answer.text


@pytest.mark.parametrize("answer", ["hello", ["hello"], {"00741000": "x"}, 7])
def test_something_else_than_a_task_manager_is_a_page_that_says_so(pages, event_search, answer):
    event_search.app.get("/workitems")(lambda: answer)
    event_search.app.get("/workitems/2.25.1")(lambda: [])
    web = pages(task_manager_url=event_search.url, event_repository_url="")
    assert "DICOM JSON Model" in web.get("/").text
    assert web.get("/workitems/2.25.1").status_code == 503


def test_an_unknown_workitem_is_a_page_that_says_so(web):
    answer = web.get(f"/workitems/{new_uid()}")
    assert answer.status_code == 404
    assert "<h1>Not found</h1>" in answer.text


def test_every_page_carries_the_security_headers_and_nothing_foreign(web, add):
    uid = add()
    for address in ("/", f"/workitems/{uid}", "/timeline/ACC1", "/nowhere"):
        answer = web.get(address)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert " style=" not in answer.text
        assert answer.text.count("<script") == answer.text.count("<script src=")


def test_assets_may_be_kept_for_ever_and_pages_not_at_all(web):
    page = web.get("/")
    assert page.headers["cache-control"] == "no-store"
    address = page.text.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
    assert "immutable" in web.get(address).headers["cache-control"]
    assert web.get(address.replace(address.split("/")[3], "0" * 16)).status_code == 404


def test_the_pages_lead_to_the_dashboard_of_the_event_repository(web, event_search, pages, worklist_url):
    assert f'href="{event_search.url}/dashboard/"' in web.get("/").text
    assert "Operations" not in pages(task_manager_url=worklist_url, event_repository_url="").get("/").text

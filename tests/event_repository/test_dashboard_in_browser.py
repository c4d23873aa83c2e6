"""A way through the dashboard in a real browser: down to one study, live, on a phone, in the dark, on paper."""

from datetime import timedelta

import pytest

from connectathon.operational_log import messages_of
from connectathon.waiting import eventually
from sole_logging.measures.entry import LogEntry
from sole_logging.projecting import Projector
from sole_logging.records import Receipt
from tests.event_repository.dashboard_scene import NOW, Dashboard, hospital_log
from tests.serving import serving

pytestmark = pytest.mark.tier2
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
VERSIONS = "mode=versions&engine=lung+nodules&old=2.1&new=3.0"
PAGES = {
    "now": "",
    "efficiency": "efficiency",
    "distribution": "distribution?measure=A07&by=engine",
    "compare": f"compare?{VERSIONS}",
    "failures": "failures",
    "gaps": "gaps",
    "left-out": "left-out",
    "case": "case/A00000100",
}


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory):
    """The pages over nine days of a hospital."""
    made = Dashboard(tmp_path_factory.mktemp("dashboard"), *hospital_log())
    with serving(made.app) as url:
        yield url
    made.store.close()


@pytest.fixture
def look(browser):
    """Opens pages and notes whatever a page should not do: errors, refused styles or scripts, foreign requests."""
    seen, contexts = [], []

    def start(url, **options):
        origin = "/".join(url.split("/")[:3])
        context = browser.new_context(**{"viewport": SIZES["desktop"], **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: seen.append(f"error {error}"))
        page.on("console", lambda line: seen.append(line.text) if line.type in {"error", "warning"} else None)
        page.on("request", lambda one: None if one.url.startswith((origin, "data:")) else seen.append(one.url))
        page.goto(url)
        return page

    yield start
    for context in contexts:
        context.close()
    assert seen == []


def test_from_a_chart_down_to_the_timeline_of_one_study(dashboard, look):
    page = look(f"{dashboard}/dashboard/efficiency")
    page.locator("#A07 .drawing svg").wait_for()
    page.get_by_role("link", name="lung nodules 3.0").click()
    page.get_by_role("heading", name="Inference time: distribution").wait_for()
    assert page.locator("select[name=engine]").input_value() == "lung nodules"
    assert "engine=lung+nodules" in page.url
    assert "version=3.0" in page.url
    first = page.locator("#outliers tbody a").first
    accession = first.inner_text()
    first.click()
    page.get_by_role("heading", name=f"Accession {accession}").wait_for()
    page.get_by_text("AI Inference Completed").first.wait_for()
    assert page.locator("time").first.get_attribute("title"), "local time on hover"


def test_a_point_of_a_chart_leads_to_its_cases_and_the_filters_stand_in_the_address(dashboard, look):
    page = look(f"{dashboard}/dashboard/distribution?measure=A07&by=engine")
    page.locator('#groups .drawing svg path[fill="#0072b2"]').first.click()
    page.wait_for_url("**engine=*")
    page.locator("select[name=modality]").select_option("CT")
    page.wait_for_url("**modality=CT*")
    assert "engine=" in page.url
    page.locator("select[name=last]").select_option("7d")
    page.wait_for_url("**last=7d*")
    address = page.url
    again = look(address)
    assert again.locator("#spread").inner_text() == page.locator("#spread").inner_text()


def test_the_pages_can_be_used_by_keyboard(dashboard, look):
    page = look(f"{dashboard}/dashboard/efficiency")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.locator("#A11 summary").focus()
    page.keyboard.press("Enter")
    page.locator("#A11 tbody a").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Distribution and outliers").wait_for()


def test_a_gap_is_drawn_as_a_gap(dashboard, look):
    page = look(f"{dashboard}/dashboard/efficiency?since=2026-02-25&until=2026-03-11")
    page.locator("#A11 .drawing svg").wait_for()
    names = page.locator("#A11 tbody tr").all_inner_texts()
    assert sum("none" in name for name in names) == 5
    assert page.locator("#A11 tbody td[data-value]").count() < 4 * len(names)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_looked_at(dashboard, look, tmp_path, size, scheme):
    page = look(f"{dashboard}/dashboard/", viewport=SIZES[size], color_scheme=scheme)
    for name, address in PAGES.items():
        page.goto(f"{dashboard}/dashboard/{address}")
        page.wait_for_load_state("load")
        eventually(lambda: page.locator(".drawing:not(:has(svg))").count() == 0, what="the charts to be drawn")
        page.screenshot(path=tmp_path / f"dashboard-{name}-{size}-{scheme}.png", full_page=True)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= SIZES[size]["width"], f"{name} is {width} pixels wide"


def test_paper_shows_the_tables_and_no_controls(dashboard, look, tmp_path):
    page = look(f"{dashboard}/dashboard/efficiency", color_scheme="dark")
    page.locator("#A11 .drawing svg").wait_for()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#A11 tbody a").first.is_visible()
    assert not page.locator("select[name=last]").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.pdf(path=tmp_path / "efficiency.pdf", format="A4")
    assert (tmp_path / "efficiency.pdf").read_bytes().startswith(b"%PDF")


def displayed(number, verdict):
    """A result that a reader looked at and judged."""
    told = {"outcome": 0, "source": "viewer", "host": "viewer.example", "received_at": NOW}
    named = {"workitem": f"2.999.{number}", "study": f"2.999.7.{number}", "accession": f"LIVE{number}"}
    for minute, codes in ((50, "AIX101"), (40, "AIX103"), (20, "AIX141"), (10, verdict)):
        at = NOW - timedelta(minutes=minute, seconds=number)
        yield LogEntry(event_id=f"{codes}-{number}", at=at, codes=(codes,), **named, **told)


def test_a_new_event_changes_the_page_and_the_acceptance_without_a_reload(look, tmp_path):
    made = Dashboard(tmp_path)
    projector = Projector(made.store, [made.facts.apply])
    projector.start()

    def send(number, verdict):
        made.store.add([Receipt(one, NOW, "tls") for one in messages_of(displayed(number, verdict))])

    with serving(made.app) as url:
        page = look(f"{url}/dashboard/")
        page.get_by_text("Nobody has sent an event yet").wait_for()
        page.evaluate("window.kept = true")
        for number in range(6):
            send(number, "AIX142")
        accepted = page.locator(".tile", has_text="results accepted")
        accepted.get_by_text("100.0 %").wait_for()
        for number in range(6, 8):
            send(number, "AIX143")
        accepted.get_by_text("75.0 %").wait_for()
        page.locator(".tile", has_text="in progress").get_by_text("8", exact=True).wait_for()
        assert page.evaluate("window.kept"), "the page was not loaded again"
        page.goto("about:blank")
    projector.close()
    made.store.close()

"""The report page in a real browser: readable at a glance, on a phone, in the dark, and on paper."""

import pytest

from conformance.reports.writing import write_report

from .conftest import case, requirement

WIDTHS = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture
def page_file(judged, tmp_path):
    def fails(trial, _):
        trial.step("look at something long: " + "1.2.840.10008.5.1.4.34.6.1" * 4)
        evidence = trial.keep("text", "what was seen", "x" * 400, "txt")
        trial.must(False, "it holds", found="2.25." + "9" * 59, evidence=evidence)

    cases = [case(fails), case(lambda trial, _: trial.must(True, "it holds"), row=requirement("AIWI-TM-002"))]
    result = judged(*cases)
    write_report(result, judged.evidence, tmp_path)
    return tmp_path / "report.html"


@pytest.mark.tier2
def test_the_page_is_read_at_every_width_and_printed(page_file, browser, tmp_path):
    trouble = []
    for name, (width, height) in WIDTHS.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            page = context.new_page()
            page.on("pageerror", lambda error: trouble.append(str(error)))
            page.on("console", lambda line: trouble.append(line.text) if line.type == "error" else None)
            page.on("request", lambda one: None if one.url.startswith("file:") else trouble.append(one.url))
            page.goto(page_file.as_uri())
            assert page.locator(".verdict strong").inner_text() == "FAIL"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            assert page.locator("details[open]").count() == 1
            page.screenshot(path=tmp_path / f"{name}-{scheme}.png", full_page=True)
            context.close()
    page = browser.new_page()
    page.goto(page_file.as_uri())
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details[open]").count() == 2, "everything is unfolded on paper"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 1
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    page.close()
    assert trouble == []
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")

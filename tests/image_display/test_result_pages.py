"""The result pages over a real archive: what they show, what they say when something is missing, what they never do."""

import io
import re

import httpx
import numpy as np
import pydicom
import pytest
from PIL import Image

from actors.shared.dicomweb import Archive
from connectathon.waiting import free_port
from profiles.dicom import new_uid

ATTACK = '<script>alert(1)</script>^"><img src=x onerror=alert(2)>'


def picture(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return Image.open(io.BytesIO(answer.content))


@pytest.fixture(scope="module")
def study(stored):
    return stored(patient_name="FICTIONAL^ADA")


def series_of(study):
    return str(pydicom.dcmread(study.images[0], stop_before_pixels=True).SeriesInstanceUID)


@pytest.mark.requirement("AIR-ID-001", "AIR-ID-003", "AIR-ID-009")
def test_the_result_page_shows_value_unit_engine_version_and_flags(web, study):
    page = web.get(f"/results/{study.uid}").text
    for words in ("FICTIONAL, ADA", "Volume", "1.57", "mL", "ball finder 1.2.3", "UNVERIFIED", "Not a medical device"):
        assert words in page, words


def report_of(study, path, name, version, value):
    """The report of another algorithm, or of another version of one, about the same study."""
    report = pydicom.dcmread(study.results[1])
    report.SOPInstanceUID = report.file_meta.MediaStorageSOPInstanceUID = new_uid()
    report.SeriesInstanceUID = new_uid()

    def rename(dataset, element):
        if element.keyword == "TextValue":
            element.value = {"ball finder": name, "1.2.3": version}.get(element.value, element.value)
        if element.keyword == "NumericValue":
            element.value = value

    report.walk(rename)
    report.save_as(path)
    return path


@pytest.mark.requirement("AIR-ID-011")
def test_results_of_two_algorithms_and_of_two_versions_are_told_apart(web, stored, archive_actor, tmp_path):
    study = stored(patient_name="FICTIONAL^BEA")
    others = [("ball finder", "1.2.4", "2.71"), ("box finder", "0.9", "3.14")]
    with Archive(f"{archive_actor.url}/dicom-web") as archive:
        archive.store([report_of(study, tmp_path / f"{value}.dcm", *one, value) for *one, value in others])
    page = web.get(f"/results/{study.uid}").text
    engines = ("ball finder 1.2.3", "1.57"), ("ball finder 1.2.4", "2.71"), ("box finder 0.9", "3.14")
    for name, value in engines:
        told = re.compile(rf"(?<![\d.]){re.escape(value)}(?!\d)")  # and no part of a UID or of a time
        (panel,) = (one for part in page.split("<article") if told.search(one := part.partition("</article>")[0]))
        assert [other for other, _ in engines if other in panel] == [name]


@pytest.mark.requirement("AIR-ID-005")
def test_the_mask_picture_is_opaque_just_where_the_mask_is(web, study):
    segmentation = str(pydicom.dcmread(study.results[0]).SOPInstanceUID)
    for index in (0, 5, 8, 15):
        address = f"/results/{study.uid}/series/{series_of(study)}/masks/{segmentation}/1/{index + 1}.png"
        shown = np.asarray(picture(web.get(address)))
        rows, columns = study.mask.shape[1:]
        factor = shown.shape[0] // rows
        seen = shown[factor // 2 :: factor, factor // 2 :: factor, 3] > 0
        # slices are shown from foot to head, as the modality of this study numbers them
        assert seen.shape == (rows, columns)
        assert (seen == study.mask[index]).all(), f"slice {index}"


@pytest.mark.requirement("AIR-ID-005")
def test_the_bright_ball_of_the_image_lies_under_the_mask(web, study):
    base = f"/results/{study.uid}/series/{series_of(study)}"
    for index in (5, 8):
        grey = np.asarray(picture(web.get(f"{base}/slices/{index + 1}.png")))
        assert ((grey > 128) == study.mask[index]).all()


def test_the_overlay_opens_at_the_slice_with_the_largest_mask(web, study):
    shown = np.asarray(picture(web.get(f"/results/{study.uid}/overlay.png")).convert("RGB")).astype(int)
    coloured = np.ptp(shown, axis=2) > 30
    largest = study.mask.reshape(len(study.mask), -1).sum(axis=1).max() / study.mask[0].size
    assert coloured.mean() == pytest.approx(largest, rel=0.15)


def test_the_montage_shows_the_mask_in_three_planes(web, study):
    shown = np.asarray(picture(web.get(f"/results/{study.uid}/montage.png")).convert("RGB")).astype(int)
    coloured = (np.ptp(shown, axis=2) > 30).any(axis=0)
    runs = np.flatnonzero(np.diff(np.concatenate([[0], coloured.astype(int), [0]])) == 1)
    assert len(runs) == 3


def test_names_with_markup_are_shown_as_text(web, stored):
    study = stored(patient_name=ATTACK, label="<script>alert(3)</script>")
    for address in (f"/results/{study.uid}", "/results"):
        page = web.get(address).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in web.get(f"/results/{study.uid}").text


def test_every_answer_carries_the_security_headers(web, study):
    for address in ("/results", f"/results/{study.uid}", f"/results/{study.uid}/overlay.png", "/nowhere", "/health"):
        headers = web.get(address).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_pages_hold_no_inline_script_or_style_and_no_foreign_address(web, study):
    for address in ("/results", f"/results/{study.uid}", "/nowhere"):
        page = web.get(address).text
        assert " style=" not in page
        assert "<style" not in page
        assert page.count("<script") == page.count("<script src=")
        assert "//" not in page.replace("http://www.w3.org", "").replace("http://127.0.0.1", "")


def test_a_study_without_results_says_so_and_shows_its_images(web, stored):
    study = stored(results=False)
    page = web.get(f"/results/{study.uid}").text
    assert "No AI results yet" in page
    assert "/slices/" in page
    assert web.get(f"/results/{study.uid}/montage.png").status_code == 404


def test_an_unknown_study_is_a_page_that_says_so(web):
    answer = web.get(f"/results/{new_uid()}")
    assert answer.status_code == 404
    assert "no study with this Study Instance UID" in answer.text


@pytest.mark.parametrize("address", ["/results/not-a-uid", "/results/1.2.3;drop", "/results/..%2f..%2fetc"])
def test_an_address_that_holds_no_uid_is_refused(web, address):
    answer = web.get(address)
    assert answer.status_code in {400, 404}
    assert "<h1>" in answer.text


@pytest.mark.parametrize("number", ["0", "17", "-3", "99999999999"])
def test_a_slice_that_does_not_exist_is_not_found(web, study, number):
    assert web.get(f"/results/{study.uid}", params={"slice": number}).status_code == 404


@pytest.mark.requirement("AIR-ID-008")
def test_results_of_another_patient_are_named_but_not_shown(web, stored, archive_actor, tmp_path):
    study = stored(results=False)
    other = stored(patient_id="OTHER")
    from actors.shared.dicomweb import Archive

    for number, path in enumerate(other.results):
        dataset = pydicom.dcmread(path)
        dataset.StudyInstanceUID = study.uid
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = new_uid()
        dataset.SeriesInstanceUID = new_uid()
        dataset.save_as(tmp_path / f"{number}.dcm")
    with Archive(f"{archive_actor.url}/dicom-web") as archive:
        archive.store(sorted(tmp_path.glob("*.dcm")))
    page = web.get(f"/results/{study.uid}").text
    assert "names another patient" in page
    assert "1.57" not in page


def test_an_archive_that_is_away_is_a_page_that_says_so(launch_display):
    address = f"http://127.0.0.1:{free_port()}/dicom-web"
    running = launch_display(archive_url=address)
    for path in ("/results", f"/results/{new_uid()}", f"/results/{new_uid()}/montage.png"):
        answer = httpx.get(running.url + path)
        assert answer.status_code == 503
        assert address in answer.text
        assert answer.headers["retry-after"]


def test_an_archive_without_results_has_an_empty_list_that_explains_itself(launch_display, launch_archive):
    archive = launch_archive()
    running = launch_display(archive_url=f"{archive.url}/dicom-web")
    answer = httpx.get(f"{running.url}/", follow_redirects=True)
    assert "No results yet" in answer.text


def test_no_patient_data_reach_the_log(web, study, display):
    web.get(f"/results/{study.uid}")
    web.get(f"/results/{new_uid()}")
    log = display.log.read_text()
    assert "FICTIONAL" not in log
    assert "DEMO-0001" not in log
    assert "page-refused" in log

"""What OHIF reads of results, and what the Image Display answers it with; without the viewer itself."""

from contextlib import contextmanager

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from actors.image_display.ohif_metadata import for_ohif
from actors.image_display.routes import create_app
from actors.image_display.settings import Settings
from profiles.dicom import Code, code, get_all, item, items, put, put_codes, put_items, text
from profiles.errors import BadInput
from tests.serving import serving

AREA, LESION, SITE = code("SCT", "42798000"), code("SCT", "301766008"), code("SCT", "363698007")
NOWHERE = "http://127.0.0.1:9/dicom-web"
SQUARE = [1, 1, 5, 1, 5, 5, 1, 5, 1, 1]


def content(kind, name, *below, **values):
    made = put_codes(put({}, "ValueType", kind), "ConceptNameCodeSequence", name)
    for keyword, value in values.items():
        put(made, keyword, *(value if isinstance(value, list) else [value]))
    return put_items(made, "ContentSequence", *below) if below else made


def answer(name, value, *below):
    return put_codes(content("CODE", name, *below), "ConceptCodeSequence", value)


def number(name, value, unit, *below):
    measured = put_codes(put({}, "NumericValue", value), "MeasurementUnitsCodeSequence", code("UCUM", unit))
    return put_items(content("NUM", name, *below), "MeasuredValueSequence", measured)


def drawing(kind="POLYLINE", points=SQUARE, value_type="SCOORD"):
    return content(value_type, code("DCM", "111030"), GraphicType=kind, GraphicData=points)


def group(name, *parts):
    identity = content("TEXT", code("DCM", "112039"), TextValue=name)
    uid = content("UIDREF", code("DCM", "112040"), UID="1.2.3")
    return content("CONTAINER", code("DCM", "125007"), identity, uid, *parts)


def report(*groups, beside=()):
    library = content("CONTAINER", code("DCM", "111028"), content("IMAGE", code("DCM", "121112")))
    measurements = content("CONTAINER", code("DCM", "126010"), *groups)
    made = content("CONTAINER", code("DCM", "126000"), library, measurements, *beside, ContinuityOfContent="CONTINUOUS")
    return put(made, "Modality", "SR")


def shown(made):
    """The groups that the viewer draws: their regions and their lines of words."""
    found = []
    for one in items(items(made, "ContentSequence")[1], "ContentSequence"):
        parts = items(one, "ContentSequence")
        shapes = [item(part, "ContentSequence") for part in parts if text(part, "ValueType") == "NUM"]
        lines = [text(part, "TextValue") for part in parts[1:] if text(part, "ValueType") == "TEXT"]
        found.append((shapes, lines, next(text(part, "UID") for part in parts if text(part, "ValueType") == "UIDREF")))
    return found


def test_a_drawing_keeps_the_words_and_numbers_of_its_group():
    side = content("CODE", code("SCT", "272741003"), RelationshipType="HAS CONCEPT MOD")
    put_codes(side, "ConceptCodeSequence", code("SCT", "7771000"))
    site, said = (
        answer(SITE, code("SCT", "12738006"), side),
        content("TEXT", code("DCM", "121106"), TextValue="Blurred"),
    )
    parts = (answer(code("DCM", "121071"), LESION), site, number(AREA, 12.34567, "mm2"), said, drawing())
    ((shapes, lines, uid),) = shown(for_ohif(report(group("Lesion 1", *parts))))
    assert uid == "1.2.3"
    assert lines == [
        "Lesion 1", "Finding: Lesion of Brain", "Finding Site: Brain, Left", "Area: 12.34567 mm2", "Blurred",
    ]  # fmt: skip
    assert [get_all(one, "GraphicData") for one in shapes] == [SQUARE]
    assert all("0040A043" not in one for one in shapes), "the viewer takes the shape without a name for the region"


def test_what_is_stored_is_not_changed():
    made = report(group("Lesion 1", drawing()))
    before = repr(made)
    for_ohif(made)
    assert repr(made) == before


def test_each_of_several_points_is_drawn_on_its_own_under_an_identity_of_its_own():
    found = shown(for_ohif(report(group("Places", drawing("MULTIPOINT", [1, 2, 3, 4])))))
    drawn = [(text(shape, "GraphicType"), get_all(shape, "GraphicData"), uid) for (shape,), _, uid in found]
    assert drawn == [("POINT", [1, 2], "1.2.3"), ("POINT", [3, 4], "1.2.3.1")]


def test_a_region_below_a_number_is_drawn_too():
    ((shapes, _, _),) = shown(for_ohif(report(group("Lesion 1", number(AREA, 3, "mm2", drawing())))))
    assert get_all(shapes[0], "GraphicData") == SQUARE


def test_what_is_not_drawn_is_counted_where_a_reader_looks():
    evaluations = content("CONTAINER", code("UMLS", "C0034375"), answer(SITE, LESION))
    absent, solid = group("Bleeding"), group("Solid", drawing("ELLIPSOID", [0] * 18, "SCOORD3D"))
    found = shown(for_ohif(report(absent, group("Lesion 1", drawing()), solid, beside=[evaluations])))
    assert [lines for _, lines, _ in found] == [["Lesion 1", "3 more not drawn here: see the page of results"]]


def test_a_report_without_anything_to_draw_is_given_as_text():
    made = for_ohif(report(group("Bleeding")))
    title = item(made, "ConceptNameCodeSequence")
    assert (text(title, "CodeValue"), text(title, "CodeMeaning")) == ("126001", "Imaging Measurement Report")
    assert text(made, "ContinuityOfContent") == "SEPARATE"
    below = items(items(made, "ContentSequence")[1], "ContentSequence")
    assert text(items(below[0], "ContentSequence")[0], "TextValue") == "Bleeding"


def test_the_background_of_a_label_map_is_no_segment():
    segments = [put(put({}, "SegmentNumber", number), "SegmentLabel", str(number)) for number in (0, 1, 2)]
    made = put_items(put({}, "SegmentationType", "LABELMAP"), "SegmentSequence", *segments)
    assert [text(one, "SegmentLabel") for one in items(for_ohif(made), "SegmentSequence")] == ["1", "2"]


@pytest.mark.parametrize(
    "made",
    [put({}, "SegmentationType", "FRACTIONAL"), put({}, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.30")],
    ids=["fractions", "map"],
)
def test_what_the_viewer_shows_wrongly_or_not_at_all_is_not_opened_by_it(made):
    assert text(for_ohif(made), "SOPClassUID") == "1.2.840.10008.5.1.4.1.1.66"


@pytest.mark.parametrize(
    "made",
    [
        put(put({}, "Modality", "MR"), "SOPClassUID", "1.2.840.10008.5.1.4.1.1.4"),
        put(content("CONTAINER", Code("126001", "DCM", "Another")), "Modality", "SR"),
        put({}, "SegmentationType", "BINARY"),
    ],
    ids=["image", "other report", "masks"],
)
def test_anything_else_is_passed_on_as_it_is(made):
    assert for_ohif(made) is made


@pytest.fixture
def viewer_folder(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>OHIF</title>")
    (tmp_path / "app.bundle.0123456789abcdef0123.js").write_text("1")
    (tmp_path / "assets" / "icon.svg").write_text("<svg/>")
    (tmp_path.parent / "secret.txt").write_text("secret")
    return tmp_path


@contextmanager
def viewing(app):
    """A client of an application on a socket of its own."""
    with serving(app) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


@pytest.fixture
def web(viewer_folder):
    with viewing(create_app(Settings(archive_url=NOWHERE, ohif_folder=viewer_folder))) as client:
        yield client


def test_files_of_the_viewer_are_served_and_every_other_address_is_its_page(web):
    assert web.get("/ohif/assets/icon.svg").text == "<svg/>"
    bundle = web.get("/ohif/app.bundle.0123456789abcdef0123.js")
    assert "immutable" in bundle.headers["cache-control"]
    for address in ("/ohif/", "/ohif/viewer", "/ohif/%2e%2e/secret.txt"):
        page = web.get(address)
        assert (page.text, page.headers["cache-control"]) == ("<title>OHIF</title>", "no-store")
    assert "wasm-unsafe-eval" in page.headers["content-security-policy"]
    assert "unsafe-eval" not in web.get("/results").headers["content-security-policy"], "for the viewer's pages only"


def test_the_viewer_is_set_up_for_this_archive_only_and_to_preview(web):
    config = web.get("/ohif/app-config.js")
    assert config.headers["content-type"].startswith("text/javascript")
    assert "wadoRoot: '/viewer-dicom-web'" in config.text
    assert "http" not in config.text, "no other host is named"


@pytest.mark.parametrize(
    "resource", ["../health", "studies/../../health", "studies//x", "workitems", "studies/.hidden"]
)
def test_nothing_but_studies_is_passed_on(web, resource):
    assert web.get(f"/viewer-dicom-web/{resource.replace('..', '%2e%2e')}").status_code == 404


def test_an_archive_that_is_away_is_said_to_be_away(web):
    assert web.get("/viewer-dicom-web/studies").status_code == 503


def test_without_a_folder_there_is_no_viewer_and_with_a_wrong_one_no_start(tmp_path):
    with viewing(create_app(Settings(archive_url=NOWHERE))) as client:
        assert client.get("/ohif/viewer").status_code == 404
    with pytest.raises(BadInput, match=r"scripts/ohif\.py"):
        create_app(Settings(ohif_folder=tmp_path))


@pytest.fixture
def archive_url():
    """An archive of another make: one map, and its frames."""
    app = FastAPI()

    @app.get("/rs/studies/1.2/metadata")
    def metadata(request: Request):
        pixels = {"vr": "OF", "BulkDataURI": f"{request.base_url}rs/studies/1.2/bulk"}
        return [put({"7FE00010": pixels}, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.30")]

    @app.get("/rs/studies/1.2/frames/1")
    def frames(x: int):
        return Response(b"pixels" * x, media_type="multipart/related; boundary=x")

    with viewing(app) as client:
        yield f"{client.base_url}/rs"


def test_metadata_is_rewritten_and_names_the_address_that_the_viewer_can_reach(viewer_folder, archive_url):
    with viewing(create_app(Settings(archive_url=archive_url, ohif_folder=viewer_folder))) as client:
        found = client.get("/viewer-dicom-web/studies/1.2/metadata")
        assert found.json()[0]["7FE00010"]["BulkDataURI"] == f"{client.base_url}/viewer-dicom-web/studies/1.2/bulk"
        assert [text(one, "SOPClassUID") for one in found.json()] == ["1.2.840.10008.5.1.4.1.1.66"]
        frames = client.get("/viewer-dicom-web/studies/1.2/frames/1?x=1", headers={"Accept": "multipart/related"})
        assert (frames.content, frames.headers["content-type"]) == (b"pixels", "multipart/related; boundary=x")
        assert client.get("/viewer-dicom-web/studies/1.3/metadata").status_code == 404

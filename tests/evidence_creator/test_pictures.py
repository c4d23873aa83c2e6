"""Pictures as a reader gets them: where the colours are, which words stand there, and that they are always the same."""

from __future__ import annotations

import dataclasses
import io
import itertools
import os
import subprocess
import sys

import numpy as np
import pypdf
import pytest
from PIL import Image

from actors.evidence_creator.pictures import NOTE, Form, Look, Overview, draw_overview
from actors.evidence_creator.pictures.lettering import UNKNOWN, drawable, width, wrapped
from actors.evidence_creator.pictures.looks import HALO, PALETTE, SURFACES, stroke
from actors.evidence_creator.pictures.words import findings, row
from profiles.air import (
    Comment,
    Confidence,
    Evaluation,
    Finding,
    FindingSite,
    ImageReference,
    Location,
    Mark,
    Measurement,
    NormalRange,
    Outline,
    ParametricMap,
    Priority,
    PriorityHint,
    Region,
    Results,
    Segmentation,
    Standing,
    Tracking,
    Uncertainty,
    Verification,
)
from profiles.dicom import Code, code
from tests.evidence_creator.conftest import NOW

ONE, NODULE, VOLUME, ML = Tracking("One"), code("SCT", "27925004"), code("SCT", "118565006"), code("UCUM", "mL")


def read(content: bytes) -> str:
    """The words of a PDF, without line ends."""
    with pypdf.PdfReader(io.BytesIO(content)) as document:
        return " ".join(" ".join(page.extract_text().split()) for page in document.pages)


def words_of(results: Results, images, caption, **how) -> str:
    return read(draw_overview(results, images, caption, form=Form.PDF, **how))


def rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])


def bounds(where: np.ndarray, least: int = 1) -> tuple[int, int, int, int]:
    """Left, right, top and bottom of what is true in at least so many pixels of a column or row."""
    columns, rows = np.flatnonzero(where.sum(axis=0) >= least), np.flatnonzero(where.sum(axis=1) >= least)
    return int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1


@pytest.fixture
def square(uids, segment) -> Results:
    """Rows 4 to 8 and columns 10 to 20 of the sixth slice."""
    return Results((Segmentation((segment("Square", (5, 6)),), uids),))


@pytest.mark.requirement("AIR-ID-005")
def test_a_segment_is_coloured_where_it_lies_with_pixels_in_their_true_shape(square, images, caption) -> None:
    (page,) = Overview(square, images, caption).pages()
    left, right, top, bottom = bounds((page == 0).all(axis=2), least=100)
    # 24 columns of 2 mm and 20 rows of 4 mm
    assert (bottom - top) / (right - left) == pytest.approx(80 / 48, rel=0.02)
    coloured = np.abs(page[top:bottom, left:right].astype(int) - rgb(PALETTE[0])).sum(axis=2) < 30
    found = np.array(bounds(coloured)) / np.repeat([right - left, bottom - top], 2)
    assert found == pytest.approx(np.array([10 / 24, 20 / 24, 4 / 20, 8 / 20]), abs=0.02)


@pytest.mark.requirement("AIR-ID-006")
def test_a_map_lies_over_its_slice_in_its_place(images, uids, caption) -> None:
    values = np.zeros((12, 20, 24), dtype=np.float32)
    values[3, 2:4, 2:5] = 7.5
    found = ParametricMap(values, code("DCM", "113041"), Code("mm2/s", "UCUM", "mm2/s"), uids, ONE, "ADC")
    results = Results(maps=(found,), findings=(Finding(NODULE, ONE),))
    body = (
        Overview(results, images, caption).pages()[0][220:, :400].astype(int)
    )  # below the head, without the colour bar
    left, right, top, bottom = bounds((body < 60).any(axis=2), least=190)
    shown = body[top:bottom, left:right]
    lit = bounds((shown @ [1, 1, -1] > 150) & (shown[..., 2] < 80))  # yellowish: the upper end of the map
    steps = np.repeat([(right - left) / 24, (bottom - top) / 20], 2)
    assert np.array(lit) / steps == pytest.approx(np.array([2, 5, 2, 4]), abs=0.3)
    said = words_of(results, images, caption)
    assert "ADC: Apparent Diffusion Coefficient mm2/s" in said
    assert "greatest value of ADC: 7.5 mm2/s" in said


@pytest.mark.requirement("AIR-ID-002", "AIR-ID-003", "AIR-ID-009")
def test_the_picture_says_everything_in_words(images, uids, caption) -> None:
    site = FindingSite(code("SCT", "39607008"), code("SCT", "7771000"))
    results = Results(
        findings=(
            Finding(NODULE, ONE, sites=(site,), severity=code("SCT", "24484000"), confidence=Confidence(87.5)),
            Finding(code("SCT", "36118008"), Tracking("Two"), present=False),
        ),
        measurements=(
            Measurement(VOLUME, 12.75, ML, ONE, uncertainty=Uncertainty(0.5, 0.7), normal=NormalRange(None, 10)),
        ),
        evaluations=(Evaluation(Code("Q", "99X", "Image quality"), Code("G", "99X", "Good")),),
        comments=(Comment("Costs $5 and x_1^2"), Comment("Round", ONE)),
        priority=PriorityHint(Priority.HIGH, "soon"),
        locations=(Location(Mark.POINT, ((3, 4),), ImageReference(uids[2]), ONE),),
    )
    said = words_of(results, images, caption)
    for part in (
        NOTE,
        f"Accession Number {caption.accession_number}",
        caption.study_instance_uid,
        "ball finder 1.2.3, Stepwell",
        "complete; final, not to be replaced by the algorithm; UNVERIFIED, no person answers for it",
        "Image 3, series 1 Small",
        "One: Nodule, in Lung (Left), Severe, Certainty of Finding 87.5 %.",
        "was looked for and is ABSENT.",
        "Whole study: Image quality: Good.",
        "priority HIGH, because: soon.",
        "Comment: Costs $5 and x_1^2",
        "One: Round",
        "1 One Volume 12.75 mL (-0.5 / +0.7) ≤ 10 ▲ above",
    ):
        assert part in said, part
    assert "FICTIONAL" not in said


@pytest.mark.requirement("AIR-191")
def test_the_patient_is_named_only_when_asked_for(square, images, caption) -> None:
    assert "Patient" not in words_of(square, images, caption)
    assert "Patient FICTIONAL ADA, DEMO-0001" in words_of(square, images, caption, with_patient=True)
    plain, named = (draw_overview(square, images, caption, with_patient=asked) for asked in (False, True))
    assert plain != named
    unknown = dataclasses.replace(caption, patient="Somebody else")
    assert draw_overview(square, images, unknown) == plain


@pytest.mark.requirement("AIR-ID-002")
def test_results_without_a_place_are_words_alone(caption) -> None:
    assert "Nothing found: the algorithm did all its work and found nothing." in words_of(
        Results(nothing_found=True), [], caption
    )
    assert Overview(Results(nothing_found=True), [], caption).shown == ()


@pytest.mark.requirement("AIR-ID-010")
def test_what_cannot_be_drawn_is_said(square, images, caption) -> None:
    assert "1 place is not drawn, because the images are not at hand." in words_of(square, [], caption)
    del images[5].PixelData
    (page,) = Overview(square, images, caption).pages()
    assert (page == 76).all(axis=2).sum() > 10_000


@pytest.mark.requirement("AIR-ID-009")
def test_the_standing_of_a_report_is_said(square, images, caption) -> None:
    partial = dataclasses.replace(
        caption, standing=Standing(complete=False, incomplete_because="out of time", preliminary=True)
    )
    assert "PARTIAL: out of time; PRELIMINARY; UNVERIFIED" in words_of(square, images, partial)
    verified = dataclasses.replace(caption, standing=Standing(verification=Verification("Doe^Jane", "Hospital", NOW)))
    assert "verified by Doe Jane, Hospital, 2030-01-02 03:04 +0000" in words_of(square, images, verified)


@pytest.mark.requirement("AIR-ID-005")
def test_many_segments_take_as_many_pages_as_they_need_and_leave_none(images, uids, caption, segment) -> None:
    names = [f"Part {number} with a name of some length that needs a second line" for number in range(1, 41)]
    segments = tuple(segment(name, (number % 12, number % 12 + 1)) for number, name in enumerate(names))
    volumes = tuple(Measurement(VOLUME, 1.5, ML, Tracking(name)) for name in names)
    results = Results((Segmentation(segments, uids),), volumes)
    overview = Overview(results, images, caption)
    said, pages = read(overview.pdf()), overview.pages()
    assert len(pages) > 2
    assert all(f"{number} {name}: segment" in said for number, name in enumerate(names, 1))
    assert said.count("Thing Quantity Value") > 1
    assert said.count(NOTE) == len(pages) + 1
    assert {reference.sop_instance_uid for reference in overview.shown} == set(uids)
    for page in pages:
        edge = np.concatenate([page[:, :40].reshape(-1, 3), page[:, -40:].reshape(-1, 3)])
        assert (edge == rgb(SURFACES[Look.PRINT].paper)).all()


@pytest.mark.requirement("AIR-ID-002")
def test_lines_are_no_wider_than_asked_and_lose_no_letter() -> None:
    words = "Wide WORDS " * 20 + "2.25." + "1234567890" * 12
    lines = wrapped(words, 9, 2.0)
    assert all(width(line, 9) <= 2.0 for line in lines)
    assert "".join(lines).replace(" ", "") == words.replace(" ", "")
    assert wrapped("", 9, 2.0) == [""]
    assert wrapped("one\ntwo", 9, 2.0) == ["one", "two"]


@pytest.mark.requirement("AIR-ID-012")
def test_signs_that_the_font_has_not_are_replaced_visibly() -> None:
    assert drawable("Łódź Ελλάδα Пётр שלום مريم") == "Łódź Ελλάδα Пётр שלום مريم"
    assert drawable("Yamada 山田 यह ไทย") == f"Yamada {UNKNOWN * 2} {UNKNOWN * 2} {UNKNOWN * 3}"
    assert drawable("e\u0301") == "é"


@pytest.mark.parametrize(
    ("normal", "normality", "said"),
    [
        (NormalRange(1, 2), None, ("1 to 2", "▲ above")),
        (NormalRange(20, None), None, ("≥ 20", "▼ below")),
        (NormalRange(None, 20), None, ("≤ 20", "within")),
        (None, Code("17621005", "SCT", "Normal"), ("", "Normal")),
        (NormalRange(1, 2), Code("263654008", "SCT", "Abnormal"), ("1 to 2", "Abnormal; ▲ above")),
    ],
    ids=["above", "below", "within", "stated", "both"],
)
@pytest.mark.requirement("AIR-ID-003")
def test_a_number_is_shown_as_stated_with_what_is_normal(normal, normality, said) -> None:
    measured = Measurement(VOLUME, 10.10, ML, ONE, normal=normal, normality=normality)
    assert row(measured) == ("Volume", "10.1 mL", *said)


@pytest.mark.requirement("AIR-ID-002", "AIR-ID-003")
def test_answers_show_their_modifiers_and_numbers_how_they_were_measured() -> None:
    asked, answer, modifier = Code("Q", "99X", "Shape"), Code("R", "99X", "Round"), Code("M", "99X", "Certainty")
    results = Results(
        findings=(Finding(NODULE, ONE),), evaluations=(Evaluation(asked, answer, ONE, ((modifier, answer),)),)
    )
    assert list(findings(results)) == ["One: Nodule.", "One: Shape: Round (Certainty Round)."]
    measured = Measurement(
        VOLUME, 3, code("UCUM", "mL"), ONE, derivation=code("SCT", "373098007"), sites=(FindingSite(NODULE),)
    )
    assert row(measured)[:2] == ("Volume (Mean Value of population, Nodule)", "3 mL")


def contrast(one: str, other: str) -> float:
    """The ratio of two colours' relative luminances (WCAG 2.2)."""

    def luminance(colour: str) -> float:
        parts = rgb(colour) / 255
        return float(
            np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
        )

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("look", list(Look), ids=str)
@pytest.mark.requirement("AIR-ID-002")
def test_words_stand_out_from_their_ground(look: Look) -> None:
    surface = SURFACES[look]
    assert contrast(surface.ink, surface.paper) > 7
    assert contrast(surface.ink, surface.notice) > 7
    assert contrast(surface.pale, surface.paper) > 4.5


@pytest.mark.requirement("AIR-ID-005")
def test_lines_stand_out_from_their_halo_and_from_each_other() -> None:
    assert all(contrast(colour, HALO) > 3 for colour in PALETTE)
    strokes = [stroke(number) for number in range(1, 29)]
    assert len({(one.colour, one.dashes) for one in strokes}) == 28
    assert all(one.dashes != other.dashes for one, other in itertools.pairwise(strokes))


#: Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
DEFICIENCIES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.requirement("AIR-ID-005")
def test_neighbouring_colours_differ_to_people_with_colour_vision_deficiency(deficiency: str) -> None:
    def seen(colour: str) -> np.ndarray:
        linear = (rgb(colour) / 255) ** 2.2
        return np.clip(np.array(DEFICIENCIES[deficiency]) @ linear, 0, 1) ** (1 / 2.2) * 255

    pairs = zip(PALETTE, [*PALETTE[1:], PALETTE[0]], strict=True)
    assert min(float(np.linalg.norm(seen(one) - seen(other))) for one, other in pairs) > 40


@pytest.mark.parametrize("look", list(Look), ids=str)
@pytest.mark.requirement("AIR-ID-004", "AIR-ID-005")
def test_every_look_draws_all_kinds_of_things(look: Look, images, uids, caption, radiograph) -> None:
    where = ImageReference(uids[0])
    results = Results(
        findings=(Finding(NODULE, ONE),),
        locations=(Location(Mark.MULTIPOINT, ((0, 0), (24, 20), (3, 3)), where, ONE),),
        regions=(Region(Outline.CIRCLE, ((12, 10), (14, 10)), where, Tracking("Ring")),),
    )
    content = draw_overview(results, images, caption, look=look)
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.getpixel((2, 2)) == tuple(rgb(SURFACES[look].paper))
        assert picture.info.keys() == {"dpi"}
        assert picture.height < 1403


SAME = """
import hashlib, sys
from actors.evidence_creator.pictures import *
from profiles.air import *
from profiles.dicom import code
one = Tracking("One")
results = Results(findings=(Finding(code("SCT", "27925004"), one, confidence=Confidence(50)),))
caption = Caption(AlgorithmIdentification("a", "1", "b"), "1.2.3")
early = "matplotlib" in sys.modules
print(early, *(hashlib.sha256(draw_overview(results, [], caption, form=form)).hexdigest() for form in Form))
"""


@pytest.mark.requirement("AIR-190")
def test_equal_results_give_equal_bytes_in_every_process_and_libraries_come_late(square, images, caption) -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", SAME],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
    assert said.pop().startswith("False ")
    assert len({draw_overview(square, images, caption, form=Form.PDF) for _ in range(2)}) == 1

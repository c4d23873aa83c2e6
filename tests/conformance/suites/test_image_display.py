"""Displays are judged by a person; the harness prepares the studies, asks, and keeps the answers."""

import pytest

from conformance.finding import Severity
from conformance.harness import Verdict
from conformance.harness.registry import catalogue, suite
from connectathon.bad_peers.running import running
from connectathon.judging import judge
from connectathon.waiting import free_port
from profiles.tables import read_table


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("archive"), free_port()
    with running("image_manager", folder / "data", port=port, dimse_port=free_port()):
        yield f"http://127.0.0.1:{port}/dicom-web"


def looked(archive, folder, answer):
    asked = []

    def look(instruction):
        asked.append(instruction)
        return answer(instruction.values["row"])

    declaration = {"archive": {"base_url": archive}, "options": ["parametric-map"]}
    return judge(suite("image_display"), declaration, folder, {"look": look} if answer else None), asked


@pytest.mark.requirement(*(f"AIR-ID-{number:03}" for number in range(1, 13)))
def test_a_display_that_shows_everything_passes(archive, tmp_path):
    ended, asked = looked(archive, tmp_path, lambda row: True)
    assert {event.verdict for event in ended.values()} == {Verdict.PASS}
    assert len(asked) == 12
    assert all(one.question and one.values["study"] for one in asked)


ROWS = [f"AIR-ID-{number:03}" for number in range(1, 13)]


@pytest.mark.parametrize("row", [pytest.param(row, marks=pytest.mark.requirement(row)) for row in ROWS])
def test_what_the_person_does_not_see_is_told_and_nothing_else(archive, tmp_path, row):
    ended, _ = looked(archive, tmp_path, lambda asked: asked != row)
    broken = {name: event.verdict for name, event in ended.items() if event.verdict is not Verdict.PASS}
    wanted = Verdict.FAIL if catalogue()[row].level is Severity.ERROR else Verdict.WARN
    assert broken == {row: wanted}


def test_the_table_of_proofs_names_the_rows_that_a_person_can_see():
    proved = [row["rule"] for row in read_table("conformance", "proved_display")]
    assert proved == ROWS


def test_without_a_person_nothing_is_decided(archive, tmp_path):
    ended, _ = looked(archive, tmp_path, None)
    assert {event.verdict for event in ended.values()} == {Verdict.INCONCLUSIVE}

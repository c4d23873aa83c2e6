"""``python -m connectathon.modality``: make and send studies by hand."""

import pydicom
import pytest
from typer.testing import CliRunner

from connectathon.modality.__main__ import Kind, app
from connectathon.waiting import free_port


@pytest.fixture
def run():
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, [str(one) for one in arguments])


@pytest.mark.parametrize("kind", [Kind.SINGLE_SLICE, Kind.CT_PHANTOM, Kind.MR_PHANTOM, Kind.CORRUPT])
def test_a_study_of_each_kind_is_made_for_the_order_that_was_named(run, tmp_path, kind):
    answer = run("make", tmp_path / "study", "--kind", kind, "--accession", "ACC-9", "--study-uid", "2.25.9")
    assert answer.exit_code == 0, answer.output
    first = sorted((tmp_path / "study").iterdir())[0]
    dataset = pydicom.dcmread(first, stop_before_pixels=True)
    assert (dataset.AccessionNumber, dataset.StudyInstanceUID) == ("ACC-9", "2.25.9")
    assert "accession ACC-9" in answer.output


def test_an_archive_that_is_away_is_named_without_a_traceback(run, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    answer = run("send", tmp_path, "--dicomweb", f"http://127.0.0.1:{free_port()}/dicom-web")
    assert answer.exit_code == 1
    assert "cannot be reached" in answer.output
    assert "Traceback" not in answer.output


@pytest.mark.parametrize("options", [(), ("--dimse", "nowhere"), ("--dimse", "h:1", "--dicomweb", "http://h")])
def test_a_destination_that_is_none_is_refused_with_words(run, tmp_path, options):
    answer = run("send", tmp_path, *options)
    assert answer.exit_code == 1
    assert "host" in answer.output

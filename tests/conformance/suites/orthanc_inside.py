"""What runs inside Orthanc's network namespace; `test_orthanc_judged.py` starts it. Not collected by itself."""

import csv
from pathlib import Path

import httpx
import pytest

from conformance.harness.registry import suite
from connectathon.judging import judge
from connectathon.peers.orthanc import AE_TITLE, orthanc
from connectathon.waiting import free_port

EXPECTED = Path(__file__).with_name("orthanc_expected.csv")


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    with orthanc(folder / "orthanc") as running:
        port = free_port()
        httpx.put(
            f"{running.rest}/modalities/HARNESS", json={"AET": "HARNESS", "Host": "127.0.0.1", "Port": port}
        ).raise_for_status()
        host, dimse = running.dimse
        declaration = {
            "dicomweb": {"base_url": running.dicomweb},
            "dimse": {"host": host, "port": dimse, "ae_title": AE_TITLE, "harness_port": port},
            "options": ["store-dimse", "query-dimse"],
        }
        yield judge(suite("image_manager"), declaration, folder / "evidence")


def test_orthanc_gets_the_expected_report(ended):
    seen = {
        name: (str(event.verdict), [one.text for one in event.assertions if not one.holds])
        for name, event in ended.items()
    }
    told = {}
    with EXPECTED.open(newline="") as rows:
        for row in csv.DictReader(rows):
            told.setdefault(row["test"], (row["verdict"], []))[1].extend([row["broken"]] if row["broken"] else [])
    assert seen == told

"""What runs inside Orthanc's network namespace; `test_display_over_orthanc.py` starts it. Not collected by itself."""

import io

import httpx
import numpy as np
import pydicom
import pytest
from PIL import Image

from actors.shared.dicomweb import Archive
from connectathon.peers.orthanc import orthanc


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    with orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


def test_results_in_a_foreign_archive_are_listed_and_drawn(peer, launch_display, make_study):
    study = make_study(patient_name="FICTIONAL^ADA")
    with Archive(peer.dicomweb) as archive:
        archive.store(study.everything)
    with httpx.Client(base_url=launch_display(archive_url=peer.dicomweb).url, timeout=60) as web:
        assert study.uid in web.get("/results").text
        page = web.get(f"/results/{study.uid}").text
        for words in ("FICTIONAL, ADA", "1.57", "ball finder 1.2.3", "UNVERIFIED"):
            assert words in page, words
        series = str(pydicom.dcmread(study.images[0], stop_before_pixels=True).SeriesInstanceUID)
        base = f"/results/{study.uid}/series/{series}/slices"
        for index in (5, 8):
            answer = web.get(f"{base}/{index + 1}.png")
            assert answer.status_code == 200, answer.text
            grey = np.asarray(Image.open(io.BytesIO(answer.content)))
            assert ((grey > 128) == study.mask[index]).all()
        assert web.get(f"/results/{study.uid}/montage.png").status_code == 200

"""The demo against a real Orthanc, inside Orthanc's network namespace; `test_orthanc_demo.py` starts it."""

import json

from connectathon.peers.orthanc import orthanc


def test_the_study_goes_the_whole_way_with_orthanc_as_image_manager(tmp_path, demo_command):
    with orthanc(tmp_path / "orthanc") as peer:
        answer = demo_command(tmp_path / "data", "--image-manager", peer.dicomweb)
    assert answer.returncode == 0, answer.stderr
    summary = json.loads(answer.stdout)
    assert summary["workitem"]["state"] == "COMPLETED"
    assert sorted(result["modality"] for result in summary["results"]) == ["SEG", "SR"]
    assert summary["endpoints"]["image_manager"] == peer.dicomweb

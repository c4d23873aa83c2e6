"""Evidence says all that happened, and no secret."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.harness import Evidence
from conformance.harness.tokens import Tokens
from conformance.reports.har import har

from .conftest import peer, read_request


def echoing(connection):
    read_request(connection)
    body = b'[{"00081195": {"vr": "UI", "Value": ["2.25.4711"]}}]'
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


@pytest.mark.requirement("AIWI-TM-014")
def test_a_transaction_uid_is_the_same_token_wherever_it_shows(judged):
    def body(trial, stage):
        uid = trial.transaction_uid()
        stage.http.send("PUT", "/workitems/1.2/state", query=f"transaction-uid={uid}", body=f"<{uid}>".encode())
        trial.must(False, "it is not told", found=f"the answer holds {uid}")
        body.uid = uid

    with peer(echoing) as address:
        result = judged(body, base_url=address)
    written = "".join(path.read_text() for path in judged.evidence.folder.rglob("*") if path.is_file())
    assert body.uid not in written
    assert "2.25.4711" not in written
    assert "transaction-uid=TXUID-1" in written
    assert "TXUID-2" in written
    assert result.tests[0].broken[0].found == "the answer holds TXUID-1"


def test_credentials_are_masked(judged):
    def body(trial, stage):
        stage.http.send("GET", "/workitems", headers={"Authorization": "Bearer abcdefghijkl"})
        trial.must(True, "it holds")

    with peer(echoing) as address:
        judged(body, base_url=address)
    written = "".join(path.read_text() for path in judged.evidence.folder.rglob("*") if path.is_file())
    assert "abcdefghijkl" not in written
    assert "CREDENTIAL" in written


def test_the_manifest_holds_the_hash_of_every_item(tmp_path):
    evidence = Evidence(tmp_path)
    evidence.keep("AIWI-TM-001", "text", "words", "some words", "txt")
    evidence.keep("AIWI-TM-001", "dicom", "octets", b"\x00\x01", "dcm")
    evidence.close()
    for line in (tmp_path / "manifest.sha256").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest
    assert [item["id"] for item in json.loads((tmp_path / "index.json").read_text())] == [
        "AIWI-TM-001/01",
        "AIWI-TM-001/02",
    ]


def test_the_archive_of_http_exchanges_names_the_evidence(judged):
    def body(trial, stage):
        stage.http.send("GET", "/workitems")
        trial.must(True, "it holds")

    with peer(echoing) as address:
        judged(body, base_url=address)
    entries = har(judged.evidence.items, judged.evidence.folder)["log"]["entries"]
    assert [entry["response"]["status"] for entry in entries] == [200]
    assert entries[0]["comment"].startswith("AIWI-TM-001/01")


@given(st.lists(st.from_regex(r"[12]\.[0-9]{1,9}(\.[1-9][0-9]{0,8}){1,3}", fullmatch=True), unique=True, min_size=1))
def test_masking_hides_every_secret_and_the_same_value_has_the_same_token(secrets):
    tokens = Tokens()
    given_tokens = {value: tokens.secret(value) for value in secrets}
    masked = tokens.masked(" ".join(secrets).encode()).decode().split(" ")
    assert masked == [given_tokens[value] for value in secrets]
    assert len(set(masked)) == len(secrets)

"""Who may read the log: with a file of tokens, only those who have one."""

import contextlib
from datetime import UTC, datetime

import httpx
import pytest

from actors.event_repository.readers import Readers
from actors.shared.caller import LOCAL_CALLER
from actors.shared.reporting import reporter_for, target_of
from actors.shared.tokens import token_in
from connectathon.waiting import eventually
from profiles.errors import NotAuthorised, Unavailable
from profiles.sole import OperationalEvent, Thread
from sole_logging.targets import authorization

TOKEN, OTHER = "0123456789abcdef", "fedcba9876543210"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A repository that asks for tokens."""
    from .conftest import Repository

    folder = tmp_path_factory.mktemp("guarded")
    tokens = folder / "tokens"
    tokens.write_text(f"# who reads the log\nann {TOKEN}\n\nboard {OTHER}\n")
    tokens.chmod(0o600)
    repository = Repository(folder, readers_token_file=str(tokens)).start()
    yield repository
    repository.end()


@pytest.mark.requirement("SOLE-067")
@pytest.mark.parametrize(
    "path",
    [
        "/AuditEvent?date=2026-01-01",
        "/AuditEvent/00",
        "/syslogsearch?date=2026-01-01",
        "/events",
        "/sources",
        "/quarantine",
        "/quarantine/1/raw",
        "/nothing",
    ],
)
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", f"Digest {TOKEN}", "Basic !!", "Basic eDp5"])
def test_without_a_token_nothing_is_told(guarded, path, header):
    answer = httpx.get(guarded.url + path, headers={"authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.requirement("SOLE-067")
@pytest.mark.parametrize("path", ["/bulk-syslog-events", "/AuditEvent", "/AuditEvent/_search"])
def test_without_a_token_nothing_is_taken(guarded, path):
    assert httpx.post(guarded.url + path, json={"Events": []}).status_code == 401


@pytest.mark.requirement("SOLE-067", "SOLE-066")
def test_with_a_token_all_is_told_and_the_reader_is_in_the_audit_trail(guarded):
    bearer = {"authorization": f"Bearer {OTHER}"}
    assert httpx.get(f"{guarded.url}/events", headers=bearer).is_success
    assert httpx.get(f"{guarded.url}/sources", auth=("anybody", TOKEN)).is_success

    def told():
        answer = httpx.get(f"{guarded.url}/AuditEvent?date=ge2026-01-01", headers=bearer).raise_for_status()
        return {one["resource"]["agent"][-1]["who"]["identifier"]["value"] for one in answer.json()["entry"]}

    eventually(lambda: {"ann", "board"} <= told(), what="both readers in the trail")


@pytest.mark.requirement("SOLE-067")
def test_who_was_turned_away_is_in_the_audit_trail(guarded):
    httpx.get(f"{guarded.url}/events?patient=MRN1")

    def told():
        query = {"date": "ge2026-01-01", "subtype": "110132"}
        answer = httpx.get(f"{guarded.url}/AuditEvent", params=query, auth=("", TOKEN)).json()
        return [one for one in answer.get("entry", []) if "not-authenticated" in one["resource"]["outcomeDesc"]]

    alerts = eventually(told, what="the alert")
    assert "MRN1" not in str(alerts)


@pytest.mark.requirement("SOLE-067")
def test_our_own_reporters_read_back_and_post_in_bulk_with_a_token(guarded, tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    common = guarded.common("reporting", token_file=file, bulk_url=guarded.url)
    assert TOKEN not in repr(target_of("syslog", common.syslog))
    with contextlib.closing(reporter_for("modality", common)) as reporter:
        reporter.start()
        reporter.report(OperationalEvent("order-received", datetime.now(UTC), Thread(accession_number="T-1")))
        eventually(lambda: reporter.waiting == 0, what="the event to be read back")


@pytest.mark.parametrize(
    ("content", "token"), [("abc\n", "abc"), ("# x\n\nann abc\nbob def\n", "abc"), ("", None), ("#\n", None)]
)
def test_the_first_token_of_a_file_is_shown(tmp_path, content, token):
    (tmp_path / "tokens").write_text(content)
    if token is None:
        with pytest.raises(Unavailable):
            token_in(tmp_path / "tokens")
    else:
        assert token_in(tmp_path / "tokens") == token
    assert token_in(None) == ""
    assert authorization("") == {}


def test_health_is_for_everybody(guarded):
    assert httpx.get(f"{guarded.url}/health").is_success


def test_without_a_file_everybody_on_loopback_is_the_local_caller():
    assert Readers.of(None).caller("") is LOCAL_CALLER


def test_tokens_themselves_are_not_kept(tmp_path):
    (tmp_path / "tokens").write_text(f"ann {TOKEN}\n")
    readers = Readers.of(tmp_path / "tokens")
    assert TOKEN not in repr(readers)
    assert readers.caller(f"bearer {TOKEN}").name == "ann"
    with pytest.raises(NotAuthorised):
        readers.caller(f"Bearer {TOKEN} ann")


@pytest.mark.parametrize(
    "content",
    ["", "# nobody\n", "ann\n", "ann short\n", f"ann {TOKEN} reader\n", f"a {TOKEN}\nb {TOKEN}\n", "\udcff"],
)
def test_a_file_that_is_no_list_of_tokens_is_refused_at_start(tmp_path, content):
    file = tmp_path / "tokens"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(Unavailable) as refused:
        Readers.of(file)
    assert TOKEN not in refused.value.message


def test_a_file_that_is_not_there_is_refused_at_start(tmp_path):
    with pytest.raises(Unavailable, match="readers_token_file"):
        Readers.of(tmp_path / "nothing")

"""Patient ids as keyed hashes, the same on every actor, and nothing else of the event changed."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from actors.shared.reporting import reporter_for, target_of
from actors.shared.settings import CommonSettings, RepositorySettings
from profiles.errors import BadInput
from profiles.sole import OperationalEvent, SecurityEvent, Thread
from sole_logging import Pseudonyms, Spool, Transport

NOW = datetime(2031, 5, 6, tzinfo=UTC)
KEY = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "pseudonyms.key"
    path.write_bytes(KEY + b"\n")
    return path


def test_a_pseudonym_depends_on_the_key_and_the_number_and_keeps_the_authority(key_file):
    pseudonyms = Pseudonyms.read(key_file)
    expected = hmac.new(KEY, b"MRN1", hashlib.sha256).hexdigest()[:32]
    assert pseudonyms.of("MRN1^^^CLINIC&1.2&ISO") == f"{expected}^^^CLINIC&1.2&ISO"
    assert pseudonyms.of("MRN1") == pseudonyms.of(" MRN1 ") == expected  # an actor may not know the authority
    assert pseudonyms.of("MRN2") != expected
    assert Pseudonyms(KEY[::-1]).of("MRN1") != expected
    assert pseudonyms.of("") == ""


def test_an_event_keeps_all_but_the_patient(key_file):
    pseudonyms = Pseudonyms.read(key_file)
    event = OperationalEvent("order-received", NOW, Thread("MRN1^^^", "A1"))
    assert pseudonyms.applied(event) == replace(event, thread=Thread(pseudonyms.of("MRN1^^^"), "A1"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=3&00080060=MR", "limit=3&00080060=MR"),
        ("PatientName=DOE*&Modality=MR", "PatientName=%2A&Modality=MR"),
        ("00100020=MRN1", "00100020={}"),
        ("studies&PatientID=MRN1&PatientBirthDate=19700101", "studies=&PatientID={}&PatientBirthDate=%2A"),
    ],
)
def test_a_query_tells_no_patient(key_file, query, expected):
    pseudonyms = Pseudonyms.read(key_file)
    event = SecurityEvent("searched", NOW, query=query, patient_id="MRN1")
    applied = pseudonyms.applied(event)
    assert applied.query == expected.format(pseudonyms.of("MRN1"))
    assert applied.patient_id == pseudonyms.of("MRN1")


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_key_that_could_be_guessed_is_refused(tmp_path, content):
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(BadInput, match="at least 32 are needed"):
        Pseudonyms.read(tmp_path / "key")
    with pytest.raises(BadInput, match="cannot be read"):
        Pseudonyms.read(tmp_path / "missing")


@pytest.mark.requirement("SOLE-043")
def test_with_the_switch_no_actor_sends_a_patient_id_and_all_agree_on_what_stands_for_it(tmp_path, key_file):
    common = CommonSettings(data_dir=tmp_path, pseudonym_key_file=key_file)
    contents = []
    for actor, patient in (("task_manager", "MRN1^^^CLINIC"), ("image_manager", "MRN1")):
        reporter = reporter_for(actor, common)
        told = OperationalEvent("order-received", NOW, Thread(patient))
        assert reporter.report(told) == reporter.report(told)
        reporter.close()
        spool = Spool(tmp_path / actor / "event-spool.sqlite")
        contents.append(b"".join(message.content for message in spool.after(0, 10)))
        spool.close()
    expected = Pseudonyms(KEY).of("MRN1").encode()
    assert all(b"MRN1" not in content and expected in content for content in contents)


def test_a_changed_configuration_is_told_to_the_audit_trail_and_an_unchanged_one_is_not(tmp_path):
    common = CommonSettings(data_dir=tmp_path)
    for settings in (RepositorySettings(port=1), RepositorySettings(port=1), RepositorySettings(port=2)):
        reporter_for("task_manager", common, settings).close()
    spool = Spool(tmp_path / "task_manager" / "event-spool.sqlite")
    contents = [message.content for message in spool.after(0, 100)]
    spool.close()
    assert [b'csd-code="110131"' in content for content in contents] == [False, False, True, False]


@pytest.mark.requirement("SOLE-018")
@pytest.mark.parametrize(
    ("settings", "port"),
    [({}, 6514), ({"transport": "udp"}, 514), ({"transport": "udp", "port": 5514}, 5514)],
    ids=["tls", "udp", "udp-configured"],
)
def test_the_port_is_the_one_of_the_standard_unless_configured(settings, port):
    assert target_of("clinic", RepositorySettings(**settings)).port == port


def test_one_repository_in_the_old_form_and_several_by_name_are_all_reported_to():
    common = CommonSettings(
        syslog={"port": 1, "read_back_url": "http://clinic"},
        repositories={
            "old": {"transport": "udp", "host": "10.0.0.1"},
            "research": {"transport": "fhir", "feed_url": "https://research/fhir"},
        },
    )
    targets = [target_of(*one) for one in common.all_repositories.items()]
    assert [(one.name, one.transport, one.address) for one in targets] == [
        ("syslog", Transport.SYSLOG, "127.0.0.1:1"),
        ("old", Transport.UDP, "10.0.0.1:514"),
        ("research", Transport.FHIR, "https://research/fhir"),
    ]
    assert json.loads(common.model_dump_json())["repositories"]["old"]["host"] == "10.0.0.1"


@pytest.mark.parametrize(
    "settings",
    [{"transport": "fhir"}, {"feed_url": "http://x"}, {"transport": "udp", "bulk_url": "http://x"}, {"transport": "x"}],
    ids=["fhir-without-url", "url-without-fhir", "bulk-over-udp", "unknown"],
)
def test_a_repository_that_makes_no_sense_is_refused_at_the_start(settings):
    with pytest.raises(ValidationError):
        RepositorySettings(**settings)

"""Objects of merged patients are filed and exported under the identifier that stays (orders.md 5, rule 5)."""

import asyncio
import io
from datetime import UTC, datetime

import httpx
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from actors.image_manager.merges import Merges
from actors.image_manager.mllp import AdtFace, adt_server
from actors.image_manager.routes import create_app
from actors.image_manager.service import ImageManager
from actors.image_manager.settings import Settings
from actors.shared.mllp import Frame
from actors.shared.mllp_client import MllpClient
from actors.shared.refusals import RefusalLog
from connectathon.modality import DemoOrder
from connectathon.waiting import free_port
from profiles.dicom import get, items, put, text
from profiles.hl7 import EntityIdentifier, MessageRefused, read
from profiles.hl7.adt import PatientAction, PatientEvent

MERGED = datetime(2026, 3, 1, 8, tzinfo=UTC)
LEARNED = datetime(2026, 3, 1, 9, tzinfo=UTC)
NEW, AUTHORITY = "SURVIVOR", DemoOrder().issuer


def cx(value, authority=AUTHORITY):
    return EntityIdentifier(value, authority)


def merge(prior, stays):
    return PatientEvent(PatientAction.MERGE, stays, prior)


def adt(prior, stays, event="A40", at="20260301080000"):
    merged = f"MRG|{prior}\r" if prior else ""
    header = f"MSH|^~\\&|MPI|HOSP|PACS|HOSP|{at}||ADT^{event}|1|P|2.5.1"
    return f"{header}\rEVN||{at}\rPID|||{stays}||SECRET^NAME\r{merged}".encode()


class Archive:
    """An Image Manager in this process with its faces."""

    def __init__(self, folder):
        self.folder = folder
        self.open()

    def open(self, authority=AUTHORITY):
        self.manager = ImageManager(self.folder, clock=LEARNED.timestamp, authority=authority)
        self.face = AdtFace(self.manager, authority, RefusalLog())
        self.app = create_app(self.manager, RefusalLog())

    def restart(self):
        self.close()
        self.open()

    def close(self):
        self.manager.close()

    def tell(self, message, too_long=False):
        return read(self.face.take(Frame(message, too_long), "127.0.0.1:1"))

    def store(self, *paths):
        received = []
        for path in paths:
            received.append(self.manager.files.new_path())
            received[-1].write_bytes(path.read_bytes())
        return self.manager.store(received)

    def get(self, path, **details):
        async def ask():
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.get(path, **details)

        return asyncio.run(ask())

    def found(self, **matches):
        answer = self.get("/dicom-web/studies", params={**matches, "includefield": "all"})
        return answer.json() if answer.content else []

    def export(self, path):
        """One stored instance as it is retrieved."""
        one = pydicom.dcmread(path, stop_before_pixels=True)
        place = f"studies/{one.StudyInstanceUID}/series/{one.SeriesInstanceUID}/instances/{one.SOPInstanceUID}"
        answer = self.get(f"/dicom-web/{place}", headers={"Accept": "application/dicom; transfer-syntax=*"})
        assert answer.status_code == httpx.codes.OK
        (metadata,) = self.get(f"/dicom-web/{place}/metadata").json()
        return pydicom.dcmread(io.BytesIO(answer.content)), metadata


@pytest.fixture
def archive(tmp_path):
    made = Archive(tmp_path / "archive")
    yield made
    made.close()


def uid(path):
    return pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID


def is_under_survivor(archive, path, old):
    """Whether an instance is exported with the survivor's identifier, its own kept, and all else as it came."""
    exported, metadata = archive.export(path)
    (original,) = exported.OriginalAttributesSequence
    assert (exported.PatientID, exported.IssuerOfPatientID) == (NEW, AUTHORITY)
    assert original.ModifiedAttributesSequence[0].PatientID == old
    assert original.ReasonForTheAttributeModification == "COERCE"
    assert original.AttributeModificationDateTime.startswith("20260301090000")
    assert text(metadata, "PatientID") == NEW
    assert get(items(metadata, "OriginalAttributesSequence")[0], "ModifyingSystem") == "STEPWELL"
    came = pydicom.dcmread(path)
    for one in (exported, came):
        for keyword in ("PatientID", "IssuerOfPatientID", "OriginalAttributesSequence"):
            if keyword in one:
                del one[keyword]
    assert exported == came
    assert exported.file_meta.TransferSyntaxUID == came.file_meta.TransferSyntaxUID
    return True


@pytest.mark.requirement("HL7-048")
def test_a_result_that_comes_with_the_old_identifier_is_filed_and_exported_under_the_one_that_stays(
    archive, study, result_file
):
    order, images = study
    assert archive.tell(adt(f"{order.patient_id}^^^{AUTHORITY}", f"{NEW}^^^{AUTHORITY}")).get("MSA-1") == "AA"
    result = result_file()
    archive.store(images[0], result)
    assert is_under_survivor(archive, result, order.patient_id)
    assert is_under_survivor(archive, images[0], order.patient_id)
    (found,) = archive.found(PatientID=NEW)
    assert text(found, "StudyInstanceUID") == order.study_instance_uid
    assert archive.found(PatientID=order.patient_id) == []
    assert str(archive.store(result)[0].fate) == "already stored"


@pytest.mark.requirement("HL7-044", "HL7-048")
def test_what_is_stored_already_is_filed_anew_when_the_merge_is_learned(archive, study, another_study):
    order, images = study
    other, others = another_study()
    archive.store(*images[:2])
    archive.store(others[0])
    for _ in range(2):
        assert archive.tell(adt(f"{order.patient_id}^^^{AUTHORITY}", f"{NEW}^^^{AUTHORITY}")).get("MSA-1") == "AA"
    assert all(is_under_survivor(archive, path, order.patient_id) for path in images[:2])
    untouched, _ = archive.export(others[0])
    assert untouched.PatientID == other.patient_id
    assert "OriginalAttributesSequence" not in untouched
    together = archive.get(f"/dicom-web/studies/{order.study_instance_uid}")
    assert together.content.count(NEW.encode()) == len(images[:2])


@pytest.mark.requirement("HL7-048")
def test_chains_are_followed_whichever_merge_is_learned_first(archive, study):
    order, images = study
    archive.store(images[0])
    archive.tell(adt(f"MIDDLE^^^{AUTHORITY}", f"{NEW}^^^{AUTHORITY}", at="20260302"))
    archive.tell(adt(f"{order.patient_id}^^^{AUTHORITY}", f"MIDDLE^^^{AUTHORITY}", at="20260301"))
    assert is_under_survivor(archive, images[0], order.patient_id)


@pytest.mark.requirement("HL7-048")
def test_a_lost_index_is_made_again_from_the_files_and_the_merges(archive, study, result_file):
    order, images = study
    archive.store(images[0], result_file())
    archive.tell(adt(f"{order.patient_id}^^^{AUTHORITY}", f"{NEW}^^^{AUTHORITY}"))
    before = archive.found()
    archive.close()
    for path in archive.folder.glob("index.sqlite*"):
        path.unlink()
    archive.open()
    assert archive.found() == before
    assert is_under_survivor(archive, images[0], order.patient_id)
    assert not (archive.folder / "rebuilding").exists()
    archive.restart()
    assert archive.found() == before


@pytest.mark.requirement("HL7-048")
def test_a_merge_that_was_noted_before_a_crash_is_applied_at_the_next_start(archive, study):
    order, images = study
    archive.store(images[0])
    archive.manager.merges.learn([merge(cx(order.patient_id), cx(NEW))], MERGED, LEARNED)
    with (archive.folder / "merges.jsonl").open("ab") as file:
        file.write(b'{"prior": {"val')
    archive.restart()
    assert is_under_survivor(archive, images[0], order.patient_id)
    assert (archive.folder / "merges.jsonl").read_bytes().count(b"\n") == 1


@pytest.mark.requirement("HL7-048")
def test_a_file_that_is_gone_or_damaged_keeps_no_other_from_being_filed_anew(archive, study):
    order, images = study
    archive.store(*images[:3])
    gone, damaged = (next((archive.folder / "studies").rglob(f"{uid(path)}.dcm")) for path in images[:2])
    gone.unlink()
    damaged.write_bytes(b"no DICOM")
    archive.tell(adt(f"{order.patient_id}^^^{AUTHORITY}", f"{NEW}^^^{AUTHORITY}"))
    archive.restart()
    assert is_under_survivor(archive, images[2], order.patient_id)


@pytest.mark.requirement("HL7-048")
def test_a_study_keeps_what_its_images_say_of_it_when_a_result_is_filed_anew(archive, study, result_file):
    order, images = study
    result = result_file()
    dataset = pydicom.dcmread(result)
    dataset.PatientID, dataset.StudyDescription = "OTHER", "of the engine"
    dataset.save_as(result)
    archive.store(images[0], result)
    (before,) = archive.found()
    archive.tell(adt(f"OTHER^^^{AUTHORITY}", f"{order.patient_id}^^^{AUTHORITY}"))
    assert archive.found() == [before]
    exported, _ = archive.export(result)
    assert exported.PatientID == order.patient_id


@pytest.mark.requirement("HL7-048")
def test_a_deflated_object_is_exported_whole(archive, study, tmp_path):
    order, images = study
    dataset = pydicom.dcmread(images[0])
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(tmp_path / "deflated.dcm")
    (receipt,) = archive.store(tmp_path / "deflated.dcm")
    assert str(receipt.fate) == "stored", receipt
    archive.tell(adt(f"{order.patient_id}^^^{AUTHORITY}", f"{NEW}^^^{AUTHORITY}"))
    assert is_under_survivor(archive, tmp_path / "deflated.dcm", order.patient_id)


@pytest.mark.requirement("HL7-045", "HL7-014", "HL7-013", "HL7-005")
@pytest.mark.parametrize(
    ("message", "code", "where"),
    [
        (adt(f"B^^^{AUTHORITY}", f"A^^^{AUTHORITY}"), "AE", "205"),
        (adt(f"A^^^{AUTHORITY}", f"C^^^{AUTHORITY}"), "AE", "205"),
        (adt(f"X^^^{AUTHORITY}", f"X^^^{AUTHORITY}"), "AE", "205"),
        (adt("", f"X^^^{AUTHORITY}"), "AE", "101"),
        (adt("", f"X^^^{AUTHORITY}", event="A08"), "AA", ""),
        (adt("", f"X^^^{AUTHORITY}", event="A02"), "AA", ""),
        (adt(f"Q^^^{AUTHORITY}", f"X^^^{AUTHORITY}").replace(b"ADT^A40", b"QBP^Q21"), "AR", "200"),
        (b"noise", "AE", ""),
    ],
    ids=["circle", "merged before", "same", "no MRG", "update", "unused", "other kind", "noise"],
)
def test_what_cannot_be_is_refused_and_what_does_not_matter_is_accepted(archive, message, code, where):
    assert archive.tell(adt(f"A^^^{AUTHORITY}", f"B^^^{AUTHORITY}")).get("MSA-1") == "AA"
    before = (archive.folder / "merges.jsonl").read_bytes()
    answer = archive.tell(message)
    assert answer.get("MSA-1") == code
    assert where in answer.get("ERR-3")
    assert (archive.folder / "merges.jsonl").read_bytes() == before


@pytest.mark.requirement("HL7-005")
def test_a_message_that_is_too_long_is_not_taken_for_its_beginning(archive):
    assert archive.tell(adt(f"A^^^{AUTHORITY}", f"B^^^{AUTHORITY}"), too_long=True).get("MSA-1") != "AA"
    assert not (archive.folder / "merges.jsonl").exists()


@pytest.mark.requirement("HL7-011")
def test_a_merge_that_cannot_be_written_is_to_be_sent_again(archive):
    (archive.folder / "merges.jsonl").mkdir()
    assert archive.tell(adt(f"A^^^{AUTHORITY}", f"B^^^{AUTHORITY}")).get("MSA-1") == "AR"


@pytest.mark.requirement("HL7-044")
def test_the_mllp_face_is_served_where_a_port_is_given(archive):
    settings = Settings(mllp_port=free_port(), patient_authority=AUTHORITY)
    with (
        adt_server(archive.manager, settings, RefusalLog()),
        MllpClient("127.0.0.1", settings.mllp_port) as client,
    ):
        assert read(client.send(adt("A", "B"))).get("MSA-1") == "AA"
    assert text(archive.manager.merges.present(put({}, "PatientID", "A")), "PatientID") == "B"


class TestRules:
    """What stands for what."""

    @pytest.fixture
    def merges(self, tmp_path):
        return Merges(tmp_path / "merges.jsonl")

    def shown(self, merges, value, issuer=""):
        header = put({}, "PatientID", value)
        if issuer:
            put(header, "IssuerOfPatientID", issuer)
        return text(merges.present(header), "PatientID")

    @pytest.mark.requirement("HL7-048")
    def test_an_identifier_of_another_authority_is_another_patients(self, merges):
        merges.learn([merge(cx("A", "H1"), cx("B", "H1"))], MERGED, LEARNED)
        assert [self.shown(merges, "A", issuer) for issuer in ("H1", "H2", "")] == ["B", "A", "B"]

    @pytest.mark.requirement("HL7-048")
    def test_nobody_guesses_when_two_authorities_merged_the_same_identifier(self, merges):
        merges.learn([merge(cx("A", "H1"), cx("B", "H1")), merge(cx("A", "H2"), cx("C", "H2"))], MERGED, LEARNED)
        assert [self.shown(merges, "A", issuer) for issuer in ("H1", "H2", "")] == ["B", "C", "A"]

    @pytest.mark.requirement("HL7-048")
    def test_the_configured_authority_says_whose_a_bare_identifier_is(self, tmp_path):
        merges = Merges(tmp_path / "merges.jsonl", "H2")
        merges.learn([merge(cx("A", "H1"), cx("B", "H1"))], MERGED, LEARNED)
        assert self.shown(merges, "A") == "A"

    @pytest.mark.requirement("HL7-046")
    def test_all_of_a_message_is_taken_or_nothing(self, merges):
        with pytest.raises(MessageRefused):
            merges.learn([merge(cx("A"), cx("B")), merge(cx("B"), cx("A"))], MERGED, LEARNED)
        assert self.shown(merges, "A", AUTHORITY) == "A"

    @pytest.mark.requirement("HL7-055")
    def test_a_universal_authority_is_written_as_qualifiers(self, merges):
        stays = EntityIdentifier("B", "", "1.2.3", "ISO")
        merges.learn([merge(cx("A", "H1"), stays)], MERGED, LEARNED)
        header = put(put({}, "PatientID", "A"), "IssuerOfPatientID", "H1")
        made = merges.present(header)
        assert text(made, "IssuerOfPatientID") == ""
        assert text(items(made, "IssuerOfPatientIDQualifiersSequence")[0], "UniversalEntityID") == "1.2.3"
        original = items(items(made, "OriginalAttributesSequence")[0], "ModifiedAttributesSequence")[0]
        assert (text(original, "PatientID"), text(original, "IssuerOfPatientID")) == ("A", "H1")

"""Inference with verification, and subtasks, over real Task Managers (AIW-I 50.4.1.6, 50.4.2.6; aiw-i.md 6.6, 7)."""

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from actors.shared.ups_client import UpsClient
from actors.task_manager.pipeline_settings import PipelineSettings
from actors.task_manager.settings import Settings
from actors.task_performer.settings import Settings as PerformerSettings
from connectathon.waiting import eventually
from connectathon.workitems import new_workitem, performed
from profiles.dicom import Code, get, item, items, new_uid, put, put_codes, put_items, text

pytestmark = pytest.mark.requirement("AIWI-TM-086")
PERFORMED = "UnifiedProcedureStepPerformedProcedureSequence"
CACHE = "http://cache.invalid/dicom-web/studies"
INFERENCE = {"name": "inference", "workitem_code": "INFER^99TEST", "label": "Inference", "output_destination": CACHE}
VERIFICATION = {
    "name": "verification",
    "workitem_code": "VERIFY^99TEST",
    "label": "Verification",
    "after": ["inference"],
    "inputs": "outputs",
}
PIPELINE = {"workitem_code": "VERIFIED^99TEST", "steps": [INFERENCE, VERIFICATION]}


def requested():
    code = Code("VERIFIED", "99TEST", "Verified segmentation")
    return put_codes(new_workitem(now=datetime.now(UTC)), "ScheduledWorkitemCodeSequence", code)


def with_output(series):
    update = performed(datetime.now(UTC))
    output = put(put({}, "TypeOfInstances", "DICOM"), "StudyInstanceUID", "2.25.5")
    put(output, "SeriesInstanceUID", series)
    reference = put({}, "ReferencedSOPClassUID", "1.2.840.10008.5.1.4.1.1.66.4")
    put_items(output, "ReferencedSOPSequence", put(reference, "ReferencedSOPInstanceUID", f"{series}.1"))
    url = put({}, "RetrieveURL", "http://cache.invalid/dicom-web/studies/2.25.5")
    put_items(item(update, PERFORMED), "OutputInformationSequence", put_items(output, "WADORSRetrievalSequence", url))
    return update


def does_next(client, code, study, series):
    """A performer takes the one workitem of a code, as soon as it is there, and completes it; as it was scheduled."""
    keys = {
        "ScheduledWorkitemCodeSequence.CodeValue": code,
        "ProcedureStepState": "SCHEDULED",
        "StudyInstanceUID": study,
    }
    [found] = eventually(lambda: client.search(keys), what=f"the workitem {code}")
    uid, transaction = text(found, "SOPInstanceUID"), new_uid()
    scheduled = client.retrieve(uid)
    client.claim(uid, transaction)
    client.update(uid, with_output(series), transaction)
    client.complete(uid, transaction)
    return scheduled


def test_what_the_inference_makes_goes_to_the_cache_is_read_by_the_verification_and_its_outputs_are_those_of_the_whole(
    task_managers,
):
    managers = task_managers(pipelines=[PIPELINE], contract_seconds=0.2)
    uid = managers[0].create(requested())
    with UpsClient(managers[-1].base, ae_title="AI_ONE") as client:
        whole = client.retrieve(uid)
        study = text(whole, "StudyInstanceUID")
        first = does_next(client, "INFER", study, "2.25.71")
        storage = item(item(first, "OutputDestinationSequence"), "STOWRSStorageSequence")
        assert text(storage, "StorageURL") == CACHE
        assert (
            client.search({"ScheduledWorkitemCodeSequence.CodeValue": "VERIFIED", "ProcedureStepState": "COMPLETED"})
            == []
        )
        second = does_next(client, "VERIFY", study, "2.25.72")
        assert [text(one, "SeriesInstanceUID") for one in items(second, "InputInformationSequence")] == ["2.25.71"]
        assert get(second, "ReferencedRequestSequence") == get(whole, "ReferencedRequestSequence")
        eventually(lambda: managers[0].state(uid) == "COMPLETED", what="the whole to be completed")
        done = item(client.retrieve(uid), PERFORMED)
    outputs = [text(one, "SeriesInstanceUID") for one in items(done, "OutputInformationSequence")]
    assert outputs == ["2.25.72"]
    assert text(item(done, "PerformedWorkitemCodeSequence"), "CodeValue") == "VERIFIED"


def test_a_request_to_cancel_the_whole_cancels_its_subtasks(task_managers):
    managers = task_managers(pipelines=[PIPELINE], contract_seconds=0.2)
    uid = managers[0].create(requested())
    with UpsClient(managers[-1].base, ae_title="REQUESTER") as client:
        study = text(client.retrieve(uid), "StudyInstanceUID")
        eventually(lambda: client.search({"StudyInstanceUID": study, "ProcedureStepLabel": "Inference"}))
        client.request_cancel(uid)
        eventually(lambda: managers[0].state(uid) == "CANCELED", what="the whole to be canceled")
        states = [text(one, "ProcedureStepState") for one in client.search({"StudyInstanceUID": study})]
    assert states == ["CANCELED", "CANCELED"]


@pytest.mark.parametrize(
    ("pipelines", "words"),
    [
        ([{**PIPELINE, "steps": [VERIFICATION]}], "no such steps"),
        ([{**PIPELINE, "steps": []}], "needs steps"),
        ([{**PIPELINE, "workitem_code": "INFER^99TEST"}], "round in a circle"),
        ([{**PIPELINE, "steps": [{**INFERENCE, "inputs": "outputs"}]}], "comes after no step"),
        ([{**PIPELINE, "steps": [{**INFERENCE, "workitem_code": "INFER"}]}], "VALUE"),
    ],
)
def test_a_pipeline_that_cannot_be_done_is_told_at_start(pipelines, words):
    with pytest.raises(ValueError, match=words):
        Settings.model_validate({"pipelines": pipelines})


def test_a_step_without_a_meaning_of_its_code_gets_its_label():
    code = PipelineSettings.model_validate(PIPELINE).pipeline().step("inference").workitem_code
    assert code == Code("INFER", "99TEST", "Inference")


def test_every_configuration_in_the_documentation_of_workflows_is_one():
    page = (Path(__file__).parents[2] / "docs" / "workflows.md").read_text()
    managers = performers = 0
    for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL):
        tables = tomllib.loads(block)
        if "task_manager" in tables:
            managers += bool(Settings.model_validate(tables["task_manager"]).plans())
        if "task_performer" in tables:
            performers += PerformerSettings.model_validate(tables["task_performer"]).port is not None
    assert (managers, performers) == (3, 1)

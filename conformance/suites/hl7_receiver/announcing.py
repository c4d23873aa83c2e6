"""Images that are announced: Instance Availability Notification makes a workitem of an order (RAD-49)."""

from __future__ import annotations

from pydicom import Dataset
from pynetdicom import AE

from conformance.harness import SystemFailed, Trial, shows
from conformance.partners.attributes import text
from conformance.partners.objects import new_uid
from conformance.suites.hl7_receiver.stage import LEAVES, Department, Notifications, Scan

_NOTIFICATION = "1.2.840.10008.5.1.4.33"


@shows(
    "HL7-108",
    "Images that are announced make a workitem of their order",
    option="availability-notification",
    leaves=LEAVES,
)
def announced(trial: Trial, department: Department) -> None:
    """HL7-108."""
    where = department.declared.notifications
    if not where.port:
        trial.skip("the declaration says availability-notification, and [notifications] names no port")
    scan = department.scan()
    department.send(scan)
    department.store(scan)
    trial.step("announce that the images can be retrieved")
    status, evidence = notify(trial, where, scan)
    trial.must(status == 0, "the notification is taken", f"status {status:04X}", evidence)
    found = department.requested(scan)
    uid = department.uid_of(found)
    ready = trial.wait_for(lambda: text(department.worklist.item(uid).content, "InputReadinessState") == "READY")
    state = text(department.worklist.item(uid).content, "InputReadinessState")
    trial.must(ready, "its inputs are READY", state or "there is no Input Readiness State", department.proof(found))


def notify(trial: Trial, where: Notifications, scan: Scan) -> tuple[int, str]:
    """Send the notification; status of the answer, and the id of the evidence.

    Raises:
        SystemFailed: when there is no association or no answer.
    """
    entity = AE(ae_title=where.harness_ae_title)
    seconds = trial.declared.limits.answer_seconds
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = seconds
    entity.add_requested_context(_NOTIFICATION)
    content = notification(scan, where.retrieve_ae_title)
    association = entity.associate(where.host, where.port, ae_title=where.ae_title)
    try:
        if not association.is_established or not association.accepted_contexts:
            raise SystemFailed(f"{where.ae_title} takes no association for Instance Availability Notification")
        answer, _ = association.send_n_create(content, _NOTIFICATION, new_uid())
    finally:
        if association.is_established:
            association.release()
        entity.shutdown()
    sent = content.to_json_dict()
    evidence = trial.keep("dimse", "N-CREATE of Instance Availability Notification", sent, "json")
    if "Status" not in answer:
        raise SystemFailed("no answer to N-CREATE of Instance Availability Notification", [evidence])
    return int(answer.Status), evidence


def notification(scan: Scan, retrieve_ae_title: str) -> Dataset:
    """The dataset that says of all images of a study that they can be retrieved."""
    content, series = Dataset(), Dataset()
    content.ReferencedPerformedProcedureStepSequence = []
    content.StudyInstanceUID = scan.uid
    series.SeriesInstanceUID = scan.images[0].SeriesInstanceUID
    series.ReferencedSOPSequence = [_reference(image, retrieve_ae_title) for image in scan.images]
    content.ReferencedSeriesSequence = [series]
    return content


def _reference(image: Dataset, retrieve_ae_title: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    item.InstanceAvailability, item.RetrieveAETitle = "ONLINE", retrieve_ae_title
    return item

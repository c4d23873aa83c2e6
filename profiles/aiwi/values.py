"""What a Task Requester needs to know for a workitem, besides the order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from profiles.dicom import Code, JsonDataset


@dataclass(frozen=True, slots=True)
class InputInstance:
    """One image to be read."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class InputSeries:
    """One series to be read, with all of its instances."""

    series_instance_uid: str
    instances: tuple[InputInstance, ...]


@dataclass(frozen=True, slots=True)
class InputStudy:
    """The images that a workitem is about.

    Attributes:
        study_instance_uid: their study.
        series: those that the algorithm shall read.
        identity: patient and study attributes as the archive has them (DICOM JSON).
    """

    study_instance_uid: str
    series: tuple[InputSeries, ...]
    identity: JsonDataset = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """What shall be done with the images.

    Attributes:
        workitem_code: selects the algorithm (one item of Scheduled Workitem Code Sequence).
        label: Procedure Step Label, at most 64 characters.
        worklist_label: queue; empty leaves it to the Task Manager.
        routine_priority: priority when the order does not ask for another: ``HIGH``, ``MEDIUM`` or ``LOW``.
        station_class: pool of performers, if only one may do it.
        parameters: Scheduled Processing Parameters: concept → text.
        engine_version: the only version of the algorithm that may do it; empty when any may.
    """

    workitem_code: Code
    label: str
    worklist_label: str = ""
    routine_priority: str = "MEDIUM"
    station_class: Code | None = None
    parameters: Mapping[Code, str] = field(default_factory=dict)
    engine_version: str = ""

"""What comes of reading result objects: primitives, what is stated besides, and what was not understood."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from profiles.air.results import Results
from profiles.air.values import Tracking
from profiles.dicom import Code


class Kind(StrEnum):
    """What an object is among the objects of a result (air.md section 3)."""

    REPORT = "report"
    RESULT_TREE = "result tree"
    SEGMENTATION = "segmentation"
    MAP = "map"
    KEY_IMAGES = "key images"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Unread:
    """A content item, or an attribute, that no primitive holds.

    Attributes:
        object_uid: SOP Instance UID of the object; empty when it has none.
        path: place of the content item, 1 for the root and 1.2 for its second child (PS3.3 C.18.1), or keywords and
            numbers of sequence items, counted from 1; empty for the whole object.
        what: value type and concept of the item, or the keyword of the attribute.
        reason: why it was not read; never tells what the object says of the patient.
    """

    object_uid: str
    path: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class StatedAlgorithm:
    """Which algorithm an object names; a part that is not stated is empty.

    Attributes:
        name: Algorithm Name, or model name.
        version: Algorithm Version, or Software Versions.
        manufacturer: who answers for it.
        device_uid: Device UID.
        parameters: Algorithm Parameters.
    """

    name: str = ""
    version: str = ""
    manufacturer: str = ""
    device_uid: str = ""
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StatedOrder:
    """The order that an object was made for (Referenced Request or Request Attributes Sequence)."""

    accession_number: str = ""
    placer_order_number: str = ""
    filler_order_number: str = ""
    requested_procedure_id: str = ""


@dataclass(frozen=True, slots=True)
class Stated:
    """What one object says of itself, without the patient; an attribute that it lacks is empty.

    Attributes:
        object_uid: SOP Instance UID.
        sop_class_uid: SOP Class UID.
        kind: what the object is among result objects.
        study_instance_uid: the study that it joined.
        series_instance_uid: its series.
        orders: the orders that it refers to.
        content_date: Content Date (0008,0023), VR DA.
        content_time: Content Time (0008,0033), VR TM.
        completion: Completion Flag (0040,A491): COMPLETE or PARTIAL.
        preliminary: Preliminary Flag (0040,A496): PRELIMINARY or FINAL.
        verification: Verification Flag (0040,A493): VERIFIED or UNVERIFIED.
        procedures: the imaging procedures reported (121058, DCM).
    """

    object_uid: str
    sop_class_uid: str
    kind: Kind
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    orders: tuple[StatedOrder, ...] = ()
    content_date: str = ""
    content_time: str = ""
    completion: str = ""
    preliminary: str = ""
    verification: str = ""
    procedures: tuple[Code, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """A node of an analysis result tree (air.md section 8): the order in which results are to be shown.

    Attributes:
        label: Short Label (125309, DCM).
        role: how the object takes part: root result, region, parametric map or image reference.
        object_uid: the SOP Instance UID that it refers to.
        observation_uid: the Observation UID within that object, when it is a report.
        thing: whose observation that is, when the report was read, too.
        children: the nodes below.
    """

    label: str
    role: Code | None
    object_uid: str
    observation_uid: str = ""
    thing: Tracking | None = None
    children: tuple[Node, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """What the objects of a result say.

    Attributes:
        results: the primitives; None when there are none, and ``unread`` says why, or there are ``trees`` alone.
        algorithms: which algorithms the objects name, each once.
        objects: what each object says of itself, in the order given.
        trees: the roots of analysis result trees.
        unread: everything that was not understood, or could not be taken as it stands.
    """

    results: Results | None
    algorithms: tuple[StatedAlgorithm, ...]
    objects: tuple[Stated, ...]
    trees: tuple[Node, ...]
    unread: tuple[Unread, ...]

"""Studies for displays: small results of every kind, each with something that a person can check at a glance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pydicom import Dataset
from pydicom.sequence import Sequence

from conformance.partners import objects
from conformance.partners.objects import Study, coded, new_uid

WORDS = "Läsion im Großhirn, 脳"
_IMAGES = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """What is put into the archive.

    Attributes:
        study: its head.
        datasets: images and results.
        other: the patient that does not belong, where there is one.
    """

    study: Study
    datasets: list[Dataset]
    other: str = ""


def shown(kind: str) -> Shown:
    """A new study of one kind; the kinds are in ``tables/display_rows.csv``."""
    return _KINDS[kind]()


def measured(study: Study, images: list[Dataset], items: list[Dataset], version: str = "1.0") -> Dataset:
    """A TID 1500 report with one measurement group that has these items."""
    report = objects.report(study, images[0])
    group = _container("125007", "Measurement Group", "CONTAINS")
    group.ContentSequence = Sequence(
        [
            _text("112039", "Tracking Identifier", "Lesion 1", "HAS OBS CONTEXT"),
            _uid("112040", "Tracking Unique Identifier", new_uid()),
            *items,
        ]
    )
    measurements = _container("126010", "Imaging Measurements", "CONTAINS")
    measurements.ContentSequence = Sequence([group])
    report.ContentSequence = Sequence(
        [
            _code_item(
                "121049", "Language of Content Item and Descendants", ("en", "RFC5646", "English"), "HAS CONCEPT MOD"
            ),
            _code_item("121005", "Observer Type", ("121007", "DCM", "Device"), "HAS OBS CONTEXT"),
            _uid("121012", "Device Observer UID", new_uid()),
            _text("121015", "Device Observer Model Name", "Harness", "HAS OBS CONTEXT"),
            measurements,
        ]
    )
    report.SoftwareVersions, report.SeriesDescription = version, f"Harness {version}"
    report.ContributingEquipmentSequence = Sequence([_equipment(version)])
    evidence = [objects.reference(one) for one in images]
    series = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    series.ReferencedSOPSequence = Sequence(evidence)
    return report


def _finding() -> Dataset:
    return _code_item("121071", "Finding", ("4147007", "SCT", "Mass"), "CONTAINS")


def _site() -> Dataset:
    item = _code_item("363698007", "Finding Site", ("12738006", "SCT", "Brain"), "HAS CONCEPT MOD")
    item.ConceptNameCodeSequence[0].CodingSchemeDesignator = "SCT"
    return item


def _volume() -> Dataset:
    item, value = Dataset(), Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "NUM"
    item.ConceptNameCodeSequence = coded("118565006", "SCT", "Volume")
    value.NumericValue, value.MeasurementUnitsCodeSequence = "12.5", coded("mL", "UCUM", "milliliter")
    item.MeasuredValueSequence = Sequence([value])
    return item


def _point(image: Dataset) -> Dataset:
    item, selected = Dataset(), Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "SCOORD"
    item.ConceptNameCodeSequence = coded("111010", "DCM", "Center")
    item.GraphicType, item.GraphicData = "POINT", [4.5, 2.5]
    selected.RelationshipType, selected.ValueType = "SELECTED FROM", "IMAGE"
    selected.ReferencedSOPSequence = Sequence([objects.reference(image)])
    item.ContentSequence = Sequence([selected])
    return item


def _segment(mask: Dataset) -> Dataset:
    item, referenced = Dataset(), objects.reference(mask)
    item.RelationshipType, item.ValueType = "CONTAINS", "IMAGE"
    item.ConceptNameCodeSequence = coded("121191", "DCM", "Referenced Segment")
    referenced.ReferencedSegmentNumber = 1
    item.ReferencedSOPSequence = Sequence([referenced])
    return item


def _plain(study: Study | None = None) -> tuple[Study, list[Dataset]]:
    head, series = study or Study(), new_uid()
    return head, [objects.image(head, series=series, number=number) for number in range(1, _IMAGES + 1)]


def _with(make: Callable[[list[Dataset]], list[Dataset]]) -> Callable[[], Shown]:
    def one() -> Shown:
        study, images = _plain()
        return Shown(study, [*images, measured(study, images, make(images))])

    return one


def _region() -> Shown:
    study, images = _plain()
    mask = objects.segmentation(study, images[0])
    mask.PixelData = bytes(4) + b"\xff" * 4  # the lower four of eight rows
    return Shown(study, [*images, mask, measured(study, images, [_finding(), _segment(mask)])])


def _map() -> Shown:
    study, images = _plain()
    return Shown(study, [*images, objects.parametric_map(study, images[0])])


def _foreign() -> Shown:
    study, images = _plain()
    other = replace(study, patient_id=f"OTHER-{new_uid()[-6:]}", patient_name="Someone^Else")
    return Shown(study, [*images, measured(other, images, [_finding()])], other.patient_name)


def _verified() -> Shown:
    study, images = _plain()
    verified, person = measured(study, images, [_finding()]), Dataset()
    person.VerifyingObserverName, person.VerifyingOrganization = "Reader^Fictional", "Harness"
    person.VerificationDateTime = "20260105120000"
    person.VerifyingObserverIdentificationCodeSequence = Sequence()
    verified.VerificationFlag, verified.VerifyingObserverSequence = "VERIFIED", Sequence([person])
    return Shown(study, [*images, verified, measured(study, images, [_volume()])])


def _odd() -> Shown:
    study, images = _plain()
    missing = objects.image(study, series=new_uid())
    strange = _code_item("X-4711", "Concept nobody knows", ("Y-1", "99NOBODY", "value nobody knows"), "CONTAINS")
    empty = _container("X-4712", "Empty container", "CONTAINS")
    return Shown(study, [*images, measured(study, images, [strange, empty, _point(missing)])])


def _two() -> Shown:
    study, images = _plain()
    return Shown(study, [*images, *(measured(study, images, [_volume()], version) for version in ("1.0", "2.0"))])


def _charset() -> Shown:
    study, images = _plain(Study(patient_name="Müller^Jörg=山田^太郎"))
    comment = _text("121106", "Comment", WORDS, "CONTAINS")
    return Shown(study, [*images, measured(study, images, [_finding(), comment])])


_KINDS: dict[str, Callable[[], Shown]] = {
    "plain": _with(lambda _: [_volume()]),
    "finding": _with(lambda _: [_finding(), _site()]),
    "measurement": _with(lambda _: [_site(), _volume()]),
    "point": _with(lambda images: [_finding(), _point(images[1])]),
    "region": _region,
    "map": _map,
    "foreign": _foreign,
    "verified": _verified,
    "odd": _odd,
    "two": _two,
    "charset": _charset,
}


def _container(value: str, meaning: str, relationship: str) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType, item.ContinuityOfContent = relationship, "CONTAINER", "SEPARATE"
    item.ConceptNameCodeSequence = coded(value, "DCM", meaning)
    return item


def _text(value: str, meaning: str, words: str, relationship: str) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType, item.TextValue = relationship, "TEXT", words
    item.ConceptNameCodeSequence = coded(value, "DCM", meaning)
    return item


def _uid(value: str, meaning: str, uid: str) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType, item.UID = "HAS OBS CONTEXT", "UIDREF", uid
    item.ConceptNameCodeSequence = coded(value, "DCM", meaning)
    return item


def _code_item(value: str, meaning: str, answer: tuple[str, str, str], relationship: str) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = relationship, "CODE"
    item.ConceptNameCodeSequence = coded(value, "DCM", meaning)
    item.ConceptCodeSequence = coded(*answer)
    return item


def _equipment(version: str) -> Dataset:
    item = Dataset()
    item.Manufacturer, item.ManufacturerModelName, item.SoftwareVersions = "Stepwell", "Harness", version
    item.DeviceUID, item.PurposeOfReferenceCodeSequence = new_uid(), coded("109102", "DCM", "Processing Equipment")
    return item

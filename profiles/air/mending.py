"""What SEG and SR have in common, and what highdicom leaves to its caller."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from pydicom import Dataset
from pydicom.valuerep import DA, TM

from profiles.air.algorithm import AlgorithmIdentification
from profiles.air.context import ResultContext
from profiles.air.identifiers import derived_uid
from profiles.dicom import Code, code

UTF_8 = "ISO_IR 192"
_PATIENT_AND_STUDY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
)


def as_concept(found: Code) -> Any:
    """A code as a highdicom concept."""
    from highdicom.sr import CodedConcept

    return CodedConcept(found.value, found.scheme, found.meaning)


def own_header(image: Dataset) -> Dataset:
    """The image's header, to be changed without changing the image; a plain copy of pydicom shares its elements."""
    header = image[:]
    header.file_meta = image.file_meta
    return header


def tied_to(images: Sequence[Dataset], context: ResultContext) -> list[Dataset]:
    """The images' headers with the context's Patient and Study attributes in place of their own.

    highdicom copies those attributes from its sources, and demands the type 2 ones. It takes their Specific Character
    Set, too, and fails at legal ones, such as the empty first value of Japanese and Korean images (PS3.3 C.12.1.1.2);
    all our objects are in UTF-8.
    """
    tied = []
    for image in images:
        header = own_header(image)
        for keyword in _PATIENT_AND_STUDY:
            if keyword not in header:
                setattr(header, keyword, "")
        header.update(context.attributes)
        header.add_new("SpecificCharacterSet", "CS", UTF_8)  # a mere assignment would change the image's own element
        if "ImagePositionPatient" in header and "SliceThickness" not in header:
            header.SliceThickness = None  # highdicom demands it of every slice; of many it is unknown
        tied.append(header)
    return tied


def identity(
    context: ResultContext,
    algorithm: AlgorithmIdentification,
    modality: str,
    content: str,
    *,
    series_number: int,
    number: int = 1,
) -> dict[str, Any]:
    """What highdicom asks of every object: series, instance, equipment and moment.

    Args:
        context: what the result is tied to.
        algorithm: what made it.
        modality: ``SEG`` or ``SR``; objects of one run and modality share a series.
        content: what the series holds, for its description.
        series_number: of the series.
        number: of the instance in its series, from 1.
    """
    moment = context.content_moment()
    return {
        "series_instance_uid": derived_uid(context.seed, modality, "series"),
        "series_number": series_number,
        "series_description": f"{algorithm.name} {algorithm.version} {content}"[:64],
        "series_date": moment.date(),
        "series_time": moment.time(),
        "sop_instance_uid": derived_uid(context.seed, modality, str(number)),
        "instance_number": number,
        "content_date": moment.date(),
        "content_time": moment.time(),
        "manufacturer": context.equipment.manufacturer,
        "manufacturer_model_name": context.equipment.model,
        "software_versions": context.equipment.software_version,
        "device_serial_number": context.equipment.serial_number,
        "contributing_equipment": [contributing_equipment(algorithm)],
    }


def contributing_equipment(algorithm: AlgorithmIdentification) -> Any:
    """The algorithm's item of Contributing Equipment Sequence (RAD TF-3 section 6.5.3.1)."""
    import highdicom as hd

    made = hd.ContributingEquipment(
        manufacturer=algorithm.manufacturer,
        purpose_of_reference=as_concept(code("DCM", "109102")),
        manufacturer_model_name=algorithm.name,
        software_versions=algorithm.version,
    )
    made.DeviceUID = algorithm.device_uid
    return made


def finish(made: Dataset, context: ResultContext, algorithm: AlgorithmIdentification) -> None:
    """Set what every result object carries, and nothing that differs when the same work is done again."""
    made.update(copy.deepcopy(context.attributes))  # pydicom shares the elements otherwise
    if context.station.meaning:
        made.StationName = context.station.meaning[:16]
    offset = context.images[0].get("TimezoneOffsetFromUTC")
    if offset:
        made.TimezoneOffsetFromUTC = offset
    if context.protocol:
        made.SeriesDescriptionCodeSequence = [as_concept(context.protocol[0])]  # a key of RAD-137
    moment = context.content_moment()
    made.InstanceCreationDate, made.InstanceCreationTime = DA(moment.date()), TM(moment.time())
    for row in made.ContributingEquipmentSequence:
        if "highdicom" in str(row.get("Manufacturer", "")).lower():
            row.DeviceUID = derived_uid("library", str(row.Manufacturer), str(row.get("SoftwareVersions", "")))
            if "ContributionDateTime" in row:
                del row.ContributionDateTime
    made.SpecificCharacterSet = UTF_8
    schemes = sorted(_local_schemes(made))
    if schemes:
        made.CodingSchemeIdentificationSequence = [_scheme(designator) for designator in schemes]


def _local_schemes(made: Dataset) -> set[str]:
    """Designators of coding schemes that are local to a site or product (PS3.16 section 8: they begin with 99)."""
    found: set[str] = set()
    for element in made:
        if element.keyword == "CodingSchemeDesignator" and str(element.value).startswith("99"):
            found.add(str(element.value))
        elif element.VR == "SQ" and element.keyword != "PerFrameFunctionalGroupsSequence":
            found.update(*(_local_schemes(row) for row in element.value))
    return found


def _scheme(designator: str) -> Dataset:
    row = Dataset()
    row.CodingSchemeDesignator = designator
    row.CodingSchemeName = f"Local codes of {designator[2:].capitalize()}"
    row.CodingSchemeResponsibleOrganization = designator[2:].capitalize()
    return row

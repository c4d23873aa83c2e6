"""What observations are derived from: result objects and parts of images (orders.md section 11.3, image regions).

FHIR R5 has ImagingSelection for all of it. R4B has not: a DocumentReference for each result object stands in, and what
is drawn can be read in the objects alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from pydicom import Dataset
from pydicom.uid import UID

from profiles.air import KeyImages, Location, Mark, Region, Space, Thing
from profiles.air.identifiers import derived_uid
from profiles.air.references import Sources
from profiles.air.values import ImageReference, SeriesReference
from profiles.dicom import Code, code
from profiles.fhir.case import Case, Entry
from profiles.fhir.datatypes import Json, concept, logical, uid_identifier
from profiles.fhir.elements import Version


class Origins:
    """The entries that observations are derived from, each made when it is first asked for.

    Args:
        case: the result.
        device: the algorithm.
    """

    def __init__(self, case: Case, device: Entry) -> None:
        self._case, self._device = case, device
        self._sources = Sources(case.context)
        self._entries: dict[str, Entry] = {}
        self.objects = [self._object(made) for made in case.objects]

    @property
    def entries(self) -> list[Entry]:
        """All entries that were asked for."""
        return [*self._entries.values(), *([self._endpoint] if self._endpoint else [])]

    @property
    def report(self) -> list[Json]:
        """The structured report."""
        return self._of("SR")

    def of_thing(self, thing: Thing) -> list[Json]:
        """The report, and the segment, outlines, maps and images of one thing."""
        found = list(self.report)
        if thing.segment:
            place, number, _ = thing.segment
            found.append(self._part(code("DCM", "121191"), self._made("SEG", place), subset=[str(number)]))
        for place, map_ in thing.maps:
            found.append(self._part(map_.quantity, self._made("OT", place)))
        if self._case.version is Version.R5:
            shapes: tuple[Location | Region, ...] = (*thing.regions, *thing.locations)
            found += [self._drawn(shape) for shape in shapes]
            images = thing.finding.images if thing.finding else ()
            found += [self._image(code("DCM", "121112"), one) for one in images]
        return list({one["reference"]: one for one in found}.values())

    def of_key_images(self, found: KeyImages, place: int) -> list[Json]:
        """The selection as an object, and the images that it names."""
        selected = [self._object(self._made("KO", place)).reference]
        if self._case.version is Version.R5:
            for one in found.references:
                if isinstance(one, SeriesReference):
                    selected.append(self._select(found.title, self._sources.series(one)))
                else:
                    selected.append(self._image(found.title, one))
        return list({one["reference"]: one for one in selected}.values())

    def _of(self, modality: str) -> list[Json]:
        pairs = zip(self._case.objects, self.objects, strict=True)
        return [entry.reference for made, entry in pairs if made.Modality == modality]

    def _made(self, modality: str, place: int) -> Dataset:
        return [made for made in self._case.objects if made.Modality == modality][place]

    def _object(self, made: Dataset) -> Entry:
        if self._case.version is Version.R4B:
            return self._kept(self._document(made))
        return self._entries[self._select(code("DCM", "111040"), [made])["reference"]]

    def _part(self, kind: Code, made: Dataset, **region: Any) -> Json:
        """A part of a result object; all of it where there is no way to name a part."""
        if self._case.version is Version.R4B:
            return self._object(made).reference
        return self._select(kind, [made], **region)

    def _image(self, kind: Code, found: ImageReference) -> Json:
        return self._select(kind, [self._sources.image(found)], subset=[str(frame) for frame in found.frames])

    def _drawn(self, shape: Location | Region) -> Json:
        header = self._sources.under(shape)
        in_space = isinstance(shape.where, Space)
        name = "imageRegion3D" if in_space else "imageRegion2D"
        region: dict[str, Any] = {name: list(_regions(shape))}
        if isinstance(shape.where, ImageReference):
            region["subset"] = [str(frame) for frame in shape.where.frames]
        space = shape.where.frame_of_reference_uid if isinstance(shape.where, Space) else ""
        return self._select(shape.purpose or code("DCM", "111030"), [header], space=space, **region)

    def _select(self, kind: Code, headers: Sequence[Dataset], *, space: str = "", **region: Any) -> Json:
        """Instances of one series, or a region or subset of one."""
        first = headers[0]
        instances = [_instance(header) | {name: value for name, value in region.items() if value} for header in headers]
        key = self._case.key("selection", str(kind), space, repr(instances))
        values = {
            "identifiers": uid_identifier(key),
            "available": "available",
            "performer": {"actor": self._device.reference},
            "kind": concept(kind),
            "study_uid": str(first.StudyInstanceUID),
            "series_uid": str(first.SeriesInstanceUID),
            "space": space,
            "instances": instances,
            "endpoint": self._endpoint.reference if self._endpoint else None,
            "study": logical("ImagingStudy", uid_identifier(str(first.StudyInstanceUID), code("DCM", "110180"))),
        }
        return self._kept(self._case.made("ImagingSelection", key, values)).reference

    def _document(self, made: Dataset) -> Entry:
        """A result object as DocumentReference (R4B)."""
        uid = str(made.SOPInstanceUID)
        name = UID(made.SOPClassUID).name
        values = {
            "identifier": uid_identifier(uid),
            "identifiers": uid_identifier(uid),
            "available": "current",
            "standing": self._case.status["observation"],
            "kind": {
                "coding": [{"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{made.SOPClassUID}", "display": name}]
            },
            "author": self._device.reference,
            "title": str(made.get("SeriesDescription", "") or name),
            "content": {"attachment": attachment(made, self._case.retrieve_url)},
            "context": {"related": [self._case.study]},
        }
        return self._case.made("DocumentReference", uid, values)

    @cached_property
    def _endpoint(self) -> Entry | None:
        """Where the objects can be retrieved (R5); R4B says so in each attachment."""
        if not self._case.retrieve_url or self._case.version is Version.R4B:
            return None
        system = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
        key = derived_uid("endpoint", self._case.retrieve_url)
        values = {
            "identifiers": uid_identifier(key),
            "available": "active",
            "kind": {"coding": [{"system": system, "code": "dicom-wado-rs"}]},
            "address": self._case.retrieve_url,
        }
        return self._case.made("Endpoint", key, values, kept=True)

    def _kept(self, entry: Entry) -> Entry:
        return self._entries.setdefault(entry.url, entry)


def attachment(made: Dataset, retrieve_url: str) -> Json:
    """A result object as Attachment, with its WADO-RS address (PS3.18 section 10.4) when there is a service."""
    place = f"studies/{made.StudyInstanceUID}/series/{made.SeriesInstanceUID}/instances/{made.SOPInstanceUID}"
    address = {"url": f"{retrieve_url.rstrip('/')}/{place}"} if retrieve_url else {}
    return {"contentType": "application/dicom", **address, "title": UID(made.SOPClassUID).name}


def _instance(header: Dataset) -> Json:
    kind = {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{header.SOPClassUID}"}
    return {"uid": str(header.SOPInstanceUID), "sopClass": kind}


def _regions(shape: Location | Region) -> Iterator[Json]:
    """The outline as R5 draws it: as DICOM does, but that several points on an image are a region each."""
    points = shape.graphic_points if isinstance(shape, Region) else shape.points
    apart = isinstance(shape, Location) and shape.mark is Mark.MULTIPOINT and not isinstance(shape.where, Space)
    for part in [[point] for point in points] if apart else [points]:
        kind = "point" if apart else shape.graphic_type.lower()
        yield {"regionType": kind, "coordinate": [float(value) for point in part for value in point]}

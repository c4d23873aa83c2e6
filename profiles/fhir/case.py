"""One result to be told in FHIR: what all its resources refer to."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import Any
from urllib.parse import quote

from pydicom import Dataset

from profiles.air import AlgorithmIdentification, ResultContext, Results
from profiles.air.identifiers import derived_uid
from profiles.air.statements import status_of
from profiles.dicom import code
from profiles.fhir.datatypes import UID_SYSTEM, Json, instant, logical, numbered, uid_identifier
from profiles.fhir.elements import Version, resource
from profiles.hl7.timestamps import parse_timestamp

_ISSUER = ("LocalNamespaceEntityID", "UniversalEntityID", "UniversalEntityIDType")
_ORDER_NUMBERS = (
    ("ACSN", "AccessionNumber", "IssuerOfAccessionNumberSequence"),
    ("FILL", "FillerOrderNumberImagingServiceRequest", "OrderFillerIdentifierSequence"),
    ("PLAC", "PlacerOrderNumberImagingServiceRequest", "OrderPlacerIdentifierSequence"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource on its way into the bundle.

    Attributes:
        resource: its JSON.
        key: the UID by which the receiver finds it again; a resource of that UID is written over, or kept.
        kept: one that is there already is left as it is.
    """

    resource: Json
    key: str
    kept: bool = False

    @property
    def url(self) -> str:
        """Its full URL within the bundle."""
        name = f"{self.resource['resourceType']} {self.key}"
        return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, name)}"

    @property
    def reference(self) -> Json:
        """A reference to it from another entry."""
        return {"reference": self.url, "type": self.resource["resourceType"]}

    def in_bundle(self) -> Json:
        """The entry with its request: a result that is sent again changes nothing (orders.md 11.3, idempotent)."""
        kind = self.resource["resourceType"]
        wanted = f"identifier={quote(f'{UID_SYSTEM}|urn:oid:{self.key}', safe=':')}"
        request: Json = {"method": "PUT", "url": f"{kind}?{wanted}"}
        made = self.resource
        if self.kept:
            request = {"method": "POST", "url": kind, "ifNoneExist": wanted}
        elif "identifier" not in made:
            name = self.url.removeprefix("urn:uuid:")
            request, made = {"method": "PUT", "url": f"{kind}/{name}"}, {**made, "id": name}
        return {"fullUrl": self.url, "resource": made, "request": request}


@dataclass(frozen=True)
class Case:
    """The result, and in which version it is told.

    Attributes:
        version: of FHIR.
        results: what the algorithm reports.
        context: what the results are tied to.
        algorithm: what made them.
        objects: the encoded results.
        workitem_uid: of the workitem that asked for them; empty when none did.
        retrieve_url: base of the DICOMweb service that has the objects; empty when it is not to be told.
    """

    version: Version
    results: Results
    context: ResultContext
    algorithm: AlgorithmIdentification
    objects: tuple[Dataset, ...]
    workitem_uid: str = ""
    retrieve_url: str = ""

    def made(self, kind: str, key: str, values: dict[str, Any], *, kept: bool = False) -> Entry:
        """An entry for a resource with these values, in addition to those that resources of all types share."""
        return Entry(resource(kind, self.version, {**self._shared, **values}), key, kept)

    def key(self, *parts: str) -> str:
        """A UID that names a resource of this result, the same when it is told again."""
        return derived_uid(self.report_uid, "fhir", *parts)

    @cached_property
    def status(self) -> dict[str, str]:
        """The statuses by the standing of the report."""
        return status_of(self.context)

    @cached_property
    def report_uid(self) -> str:
        """The UID of the structured report; of the first object of a result without one."""
        reports = [made for made in self.objects if made.Modality == "SR"]
        return str((reports or list(self.objects))[0].SOPInstanceUID)

    @cached_property
    def study(self) -> Json:
        """The ImagingStudy by its UID."""
        return logical("ImagingStudy", uid_identifier(self.context.study_instance_uid, code("DCM", "110180")))

    @cached_property
    def order_numbers(self) -> list[Json]:
        """Accession, filler and placer order numbers of all requests, with their authorities."""
        found: list[Json] = []
        for request in self.context.requests or (self.context.attributes,):
            found += [one for one in _numbers(request) if one not in found]
        return found

    @cached_property
    def orders(self) -> list[Json]:
        """The ServiceRequest of each request, by the first of its numbers."""
        found: list[Json] = []
        for request in self.context.requests or (self.context.attributes,):
            numbers = _numbers(request)
            if numbers and logical("ServiceRequest", numbers[0]) not in found:
                found.append(logical("ServiceRequest", numbers[0]))
        return found

    @cached_property
    def people(self) -> list[Json]:
        """The person who answers for the result."""
        word = self.context.standing.verification
        name = " ".join(word.observer.split("=")[0].replace("^", " ").split()) if word else ""
        return [{"type": "Practitioner", "display": name}] if name else []

    @cached_property
    def _shared(self) -> dict[str, Any]:
        attributes = self.context.attributes
        patient = str(attributes.get("PatientID", "") or "")
        issuer = str(attributes.get("IssuerOfPatientID", "") or "")
        return {
            "subject": logical("Patient", numbered("PI", patient, issuer)),
            "study": self.study,
            "order": self.orders,
            "issued": instant(self.context.content_moment()),
            "acquired": _acquired(self.context),
            "people": self.people,
            "status": self.status["observation"],
        }


def _numbers(request: Dataset) -> list[Json]:
    found = []
    for kind, keyword, issuer in _ORDER_NUMBERS:
        value = str(request.get(keyword, "") or "")
        item = (request.get(issuer) or [Dataset()])[0]
        if value:
            found.append(numbered(kind, value, *(str(item.get(name, "") or "") for name in _ISSUER)))
    return found


def _acquired(context: ResultContext) -> str:
    """When the images were taken: Study Date and Time; empty when they are missing, or are none."""
    first = context.images[0]
    date, time = (str(first.get(keyword, "") or "") for keyword in ("StudyDate", "StudyTime"))
    moment = parse_timestamp(f"{date}{time}", context.content_moment().tzinfo or UTC) if date else None
    if moment is None:
        return ""
    return moment.isoformat(timespec="seconds") if time else moment.date().isoformat()

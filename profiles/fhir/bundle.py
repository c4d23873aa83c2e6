"""The bundle that tells a result."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from pydantic import ValidationError
from pydicom import Dataset

from profiles.air import AlgorithmIdentification, IllegalResult, ResultContext, Results
from profiles.air.errors import require
from profiles.fhir.case import Case, Entry
from profiles.fhir.datatypes import Json, instant
from profiles.fhir.devices import devices
from profiles.fhir.elements import Version
from profiles.fhir.observations import Observations
from profiles.fhir.report import diagnostic_report, provenance
from profiles.fhir.sources import Origins

_PACKAGES = {Version.R4B: "fhir.resources.R4B.bundle", Version.R5: "fhir.resources.bundle"}


def fhir_bundle(
    results: Results,
    context: ResultContext,
    algorithm: AlgorithmIdentification,
    objects: Sequence[Dataset],
    *,
    version: Version = Version.R4B,
    workitem_uid: str = "",
    retrieve_url: str = "",
) -> Json:
    """The Bundle that tells a result (orders.md section 11.3).

    It is a transaction: the receiver takes all of it or nothing, and writes each resource by its identifier, so that a
    result that is sent again leaves no second copy. Patient, ServiceRequest, ImagingStudy and Task are the receiver's
    own; they are referred to by their identifiers.

    Args:
        results: what the algorithm reports.
        context: what the results are tied to; its standing gives the statuses.
        algorithm: what made them.
        objects: the results as ``profiles.air.encode`` made them; their UIDs and Observation UIDs are told.
        version: R4B, which stands for R4 too, or R5.
        workitem_uid: of the workitem that asked for the results; not told when empty.
        retrieve_url: base of the DICOMweb service that has the objects, e.g. ``https://pacs.example/dicom-web``.

    Returns:
        JSON: a Bundle of Device, Observation, DiagnosticReport, Provenance, and DocumentReference (R4B) or
        ImagingSelection, BodyStructure and Endpoint (R5). The same arguments give the same bundle.

    Raises:
        IllegalResult: when there are no objects or no Patient ID, or fhir.resources refuses the bundle.
    """
    require(bool(objects), "There are no objects to tell of; encode the results first (profiles.air.encode).")
    require(
        bool(context.attributes.get("PatientID")),
        "The result has no Patient ID (orders.md 11.3, subject): no receiver could file it. Reconcile the study first.",
    )
    version = Version(version)
    entries = _entries(Case(version, results, context, algorithm, tuple(objects), workitem_uid, retrieve_url))
    made = {
        "resourceType": "Bundle",
        "type": "transaction",
        "timestamp": instant(context.content_moment()),
        "entry": [one.in_bundle() for one in entries],
    }
    _require_valid(made, version)
    return made


def _entries(case: Case) -> list[Entry]:
    device, host = devices(case)
    origins = Origins(case, device)
    observations = Observations(case, device, origins)
    told = [*origins.entries, *observations.entries, diagnostic_report(case, observations.results)]
    return [host, device, *told, provenance(case, told, device, host)]


def _require_valid(made: Json, version: Version) -> None:
    """Refuse what the models of fhir.resources refuse (design decision D11)."""
    try:
        import_module(_PACKAGES[version]).Bundle.model_validate(made)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise IllegalResult(
            f"The result cannot be told in FHIR {version}: {'.'.join(map(str, first['loc']))} {first['type']}; "
            "look for texts that are empty or codes with spaces."
        ) from error

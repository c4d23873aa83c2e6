"""An Encapsulated PDF instance (PS3.3 A.45.1) of a document about a result; highdicom has no class for it."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom import Dataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from profiles.air.algorithm import AlgorithmIdentification
from profiles.air.companions import require_coded, source_images, source_instances
from profiles.air.context import ResultContext
from profiles.air.errors import require
from profiles.air.mending import as_concept, finish, identity
from profiles.air.values import ImageReference, require_text
from profiles.dicom import code


def encode_document(
    pdf: bytes,
    objects: Sequence[Dataset],
    shown: Sequence[ImageReference],
    context: ResultContext,
    algorithm: AlgorithmIdentification,
    title: str = "",
) -> Dataset:
    """An Encapsulated PDF instance, in a series of its own.

    Burned In Annotation is always YES: the pages name order and study, and with them the patient can be found.

    Args:
        pdf: the document.
        objects: the coded objects of the same result, as :func:`profiles.air.encode` gives them.
        shown: the images in the document.
        context: what the result is tied to.
        algorithm: what made it.
        title: Document Title (0042,0010); names the algorithm when empty.

    Raises:
        IllegalResult: when there are no coded objects, or the document is no PDF.
    """
    from highdicom.base import SOPClass

    require_coded(objects, context)
    require(pdf.startswith(b"%PDF-"), "The document does not begin as a PDF does (PS3.3 C.24.2); give PDF bytes.")
    own = identity(context, algorithm, "DOC", "document", series_number=context.series_number + 5)
    equipment = own.pop("contributing_equipment")
    made = SOPClass(
        study_instance_uid=context.study_instance_uid,
        sop_class_uid=EncapsulatedPDFStorage,
        modality="DOC",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **own,
    )
    made.ContributingEquipmentSequence = equipment
    made.ConversionType = "SYN"
    made.AcquisitionDateTime = ""
    made.BurnedInAnnotation = "YES"
    made.SourceInstanceSequence = [*source_instances(objects), *source_images(shown, context)]
    made.DocumentTitle = _title(title, algorithm)
    made.ConceptNameCodeSequence = [as_concept(code("DCM", "126000"))]
    made.VerificationFlag = "VERIFIED" if context.standing.verification else "UNVERIFIED"
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    made.EncapsulatedDocumentLength = len(pdf)
    finish(made, context, algorithm)
    return made  # type: ignore[no-any-return] # highdicom is untyped for mypy


def _title(title: str, algorithm: AlgorithmIdentification) -> str:
    found = title or f"AI result: {algorithm.name} {algorithm.version}"
    require_text(found, "Document Title")
    return found

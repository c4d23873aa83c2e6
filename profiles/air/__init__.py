"""AIR (AI Results): result primitives, what they are tied to, and their DICOM objects.

highdicom is imported when objects are encoded, not before: actors that wait need no such memory.
"""

from profiles.air.context import Equipment, ResultContext, context_from_workitem
from profiles.air.encoding import encode
from profiles.air.errors import IllegalResult
from profiles.air.identifiers import derived_uid
from profiles.air.primitives import (
    AlgorithmIdentification,
    FindingSite,
    Mask,
    Measurement,
    Results,
    Segment,
    Segmentation,
    Tracking,
)

__all__ = [
    "AlgorithmIdentification",
    "Equipment",
    "FindingSite",
    "IllegalResult",
    "Mask",
    "Measurement",
    "ResultContext",
    "Results",
    "Segment",
    "Segmentation",
    "Tracking",
    "context_from_workitem",
    "derived_uid",
    "encode",
]

"""AIR (AI Results): result primitives, what they are tied to, and their DICOM objects.

highdicom is imported when objects are encoded, not before: actors that wait need no such memory.
"""

from profiles.air.algorithm import AlgorithmIdentification
from profiles.air.context import Equipment, ResultContext, context_from_workitem
from profiles.air.encoding import encode
from profiles.air.errors import IllegalResult
from profiles.air.findings import Comment, Evaluation, Finding, Priority, PriorityHint
from profiles.air.geometry import Location, Mark, Outline, Region, Space
from profiles.air.identifiers import derived_uid
from profiles.air.key_images import KeyImages
from profiles.air.maps import ParametricMap, Qualification
from profiles.air.measurements import Confidence, Measurement, NormalRange, Uncertainty
from profiles.air.results import Results, Thing
from profiles.air.segments import Fraction, Mask, Segment, Segmentation
from profiles.air.standing import Standing, Verification
from profiles.air.values import FindingSite, ImageReference, SeriesReference, Tracking

__all__ = [
    "AlgorithmIdentification",
    "Comment",
    "Confidence",
    "Equipment",
    "Evaluation",
    "Finding",
    "FindingSite",
    "Fraction",
    "IllegalResult",
    "ImageReference",
    "KeyImages",
    "Location",
    "Mark",
    "Mask",
    "Measurement",
    "NormalRange",
    "Outline",
    "ParametricMap",
    "Priority",
    "PriorityHint",
    "Qualification",
    "Region",
    "ResultContext",
    "Results",
    "Segment",
    "Segmentation",
    "SeriesReference",
    "Space",
    "Standing",
    "Thing",
    "Tracking",
    "Uncertainty",
    "Verification",
    "context_from_workitem",
    "derived_uid",
    "encode",
]

"""Result objects of anybody, read back to the primitives."""

from profiles.air.reading.outcome import Kind, Node, Reading, Stated, StatedAlgorithm, StatedOrder, Unread
from profiles.air.reading.reader import read_results
from profiles.air.reading.restored import algorithm_of, context_of
from profiles.air.reading.stated import kind_of

__all__ = [
    "Kind",
    "Node",
    "Reading",
    "Stated",
    "StatedAlgorithm",
    "StatedOrder",
    "Unread",
    "algorithm_of",
    "context_of",
    "kind_of",
    "read_results",
]

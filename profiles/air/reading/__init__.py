"""Result objects of anybody, read back to the primitives."""

from profiles.air.reading.outcome import Kind, Node, Reading, Stated, StatedAlgorithm, StatedOrder, Unread
from profiles.air.reading.reader import read_results

__all__ = ["Kind", "Node", "Reading", "Stated", "StatedAlgorithm", "StatedOrder", "Unread", "read_results"]

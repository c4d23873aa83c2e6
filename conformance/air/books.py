"""The rules of ``tables/air_rules.csv``: those for one object, and those for an object among others."""

from __future__ import annotations

from conformance.air.result import Result, ResultSet
from conformance.rules import Rulebook

OBJECT: Rulebook[Result] = Rulebook(
    "air_rules", ["any", "sr", "tid1500", "tree", "seg", "labelmap", "pm", "kos", "extra"]
)
SET: Rulebook[ResultSet] = Rulebook("air_rules", ["set"])

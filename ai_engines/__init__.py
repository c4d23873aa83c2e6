"""The engine SDK: what an engine is, which ones there are, and how one is run in a process of its own."""

from ai_engines.engine import Engine, EngineDescription, Report, ValidationFigure
from ai_engines.images import Series, StudyImages
from ai_engines.isolation import EngineRun, Failure, Limits, RunOutcome, run_isolated
from ai_engines.refusal import Moment, Refused
from ai_engines.registry import engine, engine_names, engines, find_engine, missing_requirements
from profiles.air import FindingSite, Measurement, Results, Segment, Segmentation, Tracking

__all__ = [
    "Engine",
    "EngineDescription",
    "EngineRun",
    "Failure",
    "FindingSite",
    "Limits",
    "Measurement",
    "Moment",
    "Refused",
    "Report",
    "Results",
    "RunOutcome",
    "Segment",
    "Segmentation",
    "Series",
    "StudyImages",
    "Tracking",
    "ValidationFigure",
    "engine",
    "engine_names",
    "engines",
    "find_engine",
    "missing_requirements",
    "run_isolated",
]

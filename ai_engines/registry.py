"""Which engines there are: those of installed packages (entry points), and the bundled ones."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec

from ai_engines.engine import Engine, EngineDescription
from profiles.dicom import Code
from profiles.errors import NotFound

GROUP = "stepwell.engines"
"""Entry point group: ``name = "package.module:EngineClass"``."""

BUNDLED = {
    "brain-extraction": "ai_engines.bundled.brain_extraction:BrainExtraction",
    "head-mask": "ai_engines.bundled.head_mask:HeadMask",
}
"""The bundled engines, found also where the package's metadata is not (a checkout on the path)."""


@cache
def _locations() -> dict[str, str]:
    found = dict(BUNDLED)
    found.update({entry.name: entry.value for entry in entry_points(group=GROUP)})
    return found


def engine_names() -> tuple[str, ...]:
    """The names by which engines are configured."""
    return tuple(sorted(_locations()))


def engine(name: str) -> Engine:
    """The engine of a name, or of a location ``package.module:Class``.

    Raises:
        NotFound: when there is none, or its module cannot be imported.
    """
    location = _locations().get(name, name)
    module, separator, attribute = location.partition(":")
    if not separator:
        raise NotFound(
            f"There is no engine {name!r}; there are {', '.join(engine_names())}. Others are named by their location, "
            "package.module:Class."
        )
    try:
        made = getattr(import_module(module), attribute)()
    except (ImportError, AttributeError) as error:
        raise NotFound(f"The engine {name!r} cannot be loaded from {location} ({type(error).__name__}).") from error
    if not isinstance(made, Engine):
        raise NotFound(f"{location} is no ai_engines.Engine.")
    return made


def engines() -> tuple[Engine, ...]:
    """All registered engines, by name."""
    return tuple(engine(name) for name in engine_names())


def find_engine(workitem_code: Code) -> str | None:
    """The name of the engine that serves a Scheduled Workitem Code; None when none does."""
    for name in engine_names():
        if any(workitem_code.same_as(served) for served in engine(name).describe().workitem_codes):
            return name
    return None


def _importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def missing_requirements(description: EngineDescription) -> str:
    """What keeps an engine from running on this machine, in words with the remedy; empty when nothing does."""
    missing = [module for module in description.requires if not _importable(module)]
    if not missing:
        return ""
    remedy = f"pip install 'stepwell[{description.extra}]'" if description.extra else f"pip install {' '.join(missing)}"
    return f"The engine {description.name!r} needs {', '.join(missing)}, which is not installed here. Run: {remedy}"

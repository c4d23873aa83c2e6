"""The actors that this installation can run, by the names of their folders (design decision D17)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from actors.shared.settings import ActorSettings, CommonSettings

#: What each actor is for, in one line, in the order in which they are started.
ACTORS: dict[str, str] = {
    "event_repository": "Event Repository: takes SOLE and audit events over syslog TLS (ITI-20), answers queries",
    "image_manager": "Image Manager: DICOMweb and C-STORE over files; sites use their PACS instead",
    "task_manager": "Task Manager: the UPS-RS worklist (RAD-80 to RAD-88)",
    "task_requester": "Task Requester: HL7 orders in over MLLP, workitems out by rule (RAD-80)",
    "task_performer": "Task Performer: claims workitems, runs engines, stores results (RAD-81 to RAD-85)",
    "watcher": "Watcher: worklist board and timelines",
    "image_display": "Image Display: results drawn over the images",
}


def settings_class(actor: str) -> type[ActorSettings]:
    """The settings class of an actor, from its ``settings.py``."""
    found: type[ActorSettings] = import_module(f"actors.{actor}.settings").Settings
    return found


def run_actor(actor: str, settings: Any, common: CommonSettings) -> None:
    """Run one actor in this process until it is told to stop."""
    import_module(f"actors.{actor}.main").run(settings, common)

"""The ``[task_performer]`` table of the configuration."""

from __future__ import annotations

from typing import Self

from pydantic import Field, field_validator, model_validator

from actors.shared.settings import ActorSettings, AETitle, Port
from profiles.dicom import Code


class Settings(ActorSettings):
    """Whose work it takes, where images and results are, and what a run may cost.

    Attributes:
        ae_title: names this station: Code Value of Performed Station Name Code Sequence, and the only assignment to a
            station that it follows.
        station_name: the station in words; also Station Name of the results (AIW-I Appendix V).
        station_classes: pools that it belongs to, each as ``value^scheme``.
        organisation: the organisation that it works for; workitems of others are left alone.
        port: UPS-RS under ``/ups-rs``, where a Task Manager puts copies of workitems (push); not served when not given.
        task_manager_url: UPS-RS service to poll; empty for none, which needs a port.
        archive_url: DICOMweb service for images and results.
        further_archives: other DICOMweb services that a workitem may name; all others are not talked to.
        engines: names of the engines that it runs; every one that can run here when empty.
        waits_for_start: whether workitems are left alone until their Scheduled Procedure Step Start DateTime; only
            where every requester sends it with its offset from UTC.
        slots: how many workitems are worked on at a time.
        poll_seconds: how often the Task Manager is asked for work.
        give_up_seconds: how long an archive may be away before a workitem is set aside as a dead letter.
        listen: whether worklists are asked to tell of new work and of requests to cancel (triggered pull); a worklist
            that cannot is polled.
        listening_poll_seconds: how often the Task Manager is asked all the same, while it tells.
        cancel_check_seconds: how often a workitem is looked at during inference, to see that it was not taken away.
        wall_seconds: longest run of an engine.
        memory_megabytes: largest run of an engine.
        threads: for an engine's numerical libraries.
    """

    ae_title: AETitle = "STEPWELL_AI"
    station_name: str = Field(default="Stepwell Task Performer", min_length=1, max_length=16 * 4)
    station_classes: tuple[str, ...] = ()
    organisation: str = ""
    port: Port | None = None
    task_manager_url: str = "http://127.0.0.1:8080/ups-rs"
    archive_url: str = "http://127.0.0.1:8081/dicom-web"
    further_archives: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    waits_for_start: bool = False
    slots: int = Field(default=1, ge=1)
    poll_seconds: float = Field(default=0.5, gt=0)
    give_up_seconds: float = Field(default=3600.0, gt=0)
    listen: bool = True
    listening_poll_seconds: float = Field(default=10.0, gt=0)
    cancel_check_seconds: float = Field(default=5.0, gt=0)
    wall_seconds: float = Field(default=600.0, gt=0)
    memory_megabytes: int = Field(default=6 * 1024, ge=64)
    threads: int = Field(default=2, ge=1)

    @field_validator("station_classes")
    @classmethod
    def _value_and_scheme(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        for one in classes:
            value, _, scheme = one.partition("^")
            if not value or not scheme:
                raise ValueError(f"{one!r} is no code; write value^scheme, e.g. NEURO^99SITE")
        return classes

    @model_validator(mode="after")
    def _some_worklist(self) -> Self:
        if not self.task_manager_url and self.port is None:
            raise ValueError("there is no worklist to work for; name a task_manager_url, a port for push, or both")
        return self

    @property
    def own_url(self) -> str:
        """Base URL of the worklist that it serves in push mode."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}/ups-rs"

    @property
    def endpoints(self) -> dict[str, str]:
        """The addresses of the worklists that it works for."""
        found = {"task_manager": self.task_manager_url} if self.task_manager_url else {}
        return {**found, "ups_rs": self.own_url} if self.port else found

    @property
    def archives(self) -> tuple[str, ...]:
        """Every archive that may be talked to, the default first."""
        return (self.archive_url, *self.further_archives)

    @property
    def station_code(self) -> Code:
        """This station as a code: AE title as value (AIW-I 4.80.4.1.2.1), local scheme, name as meaning."""
        return Code(self.ae_title, "L", self.station_name)

    @property
    def class_codes(self) -> tuple[Code, ...]:
        """The pools as codes."""
        return tuple(Code(*one.split("^", 1)) for one in self.station_classes)

"""The ``[task_requester]`` table of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from actors.shared.settings import ActorSettings, AETitle, Port, TlsFiles
from actors.task_requester.results_back.settings import ResultsSettings
from actors.task_requester.senders import ANY_SENDER, BySender, Receiving
from actors.task_requester.triggers.settings import Triggers
from profiles.errors import BadInput


def _readable(file: Path) -> Path:
    """Faults of the dialect file are told with all others of the configuration."""
    from profiles.hl7.dialect_file import load_dialects  # only where one is named

    try:
        load_dialects(file)
    except BadInput as error:
        raise ValueError(error.message) from error
    return file


class Settings(ActorSettings, Receiving):
    """Where orders come in, where images are looked for, and where workitems go.

    Attributes:
        mllp_port: HL7 over MLLP.
        tls: certificates; with them the port speaks TLS only, and senders must show a certificate (ITI-19).
        archive_url: DICOMweb service that has the images (QIDO-RS is polled).
        task_manager_url: UPS-RS service that workitems are created on.
        destination_url: where performers store results; the archive's studies when not given.
        ae_title: how this requester names itself to the Task Manager.
        rules: rule file; the one that comes with the package when not given.
        database_url: SQLAlchemy URL of a PostgreSQL database, which several requesters can share; SQLite in the data
            directory when not given.
        quiet_seconds: a study whose number of images stood still for this long is complete, once a status says that
            the examination is (SC or XO with CM, MPPS COMPLETED).
        quiet_without_status_seconds: the same while no status says so; ``quiet_seconds`` when not given.
        expire_seconds: how long after its scheduled start an order without images is looked after; for ever when not
            given.
        poll_seconds: how often the archive is asked for a study that is expected soon.
        slowest_poll_seconds: how often at most for one that has been awaited for long.
        late_images_seconds: for how long after a study was decided on more images of it are looked for.
        reopen_seconds: how much newer than its cancellation an order must be (ORC-9) that was cancelled before it came.
        cancel_escalation_seconds: a workitem that has not ended so long after its cancellation was asked for is told of
            as an error.
        frame_seconds: how long a message may take to arrive once it began.
        idle_seconds: how long a connection may be silent; unlimited when not given.
        max_connections: how many senders at a time.
        senders: accepted ``application|facility`` pairs (MSH-3, MSH-4), each with what is otherwise for it, as in
            `actors.task_requester.senders.Receiving`; ``*`` is every other one. Any when empty.
        dialects: file that says what senders put elsewhere than RAD-4 has it; none when not given.
        patient_authorities: assigning authority of patient identifiers that name none, by sender
            (``application|facility``, or ``*`` for any): a namespace, or HD as ``namespace&universal id&type``.
        demographics_from_orders: senders whose orders are as good as ADT; other orders only fill what no ADT told.
        triggers: what tells of work besides HL7.
        results: whom results of our workitems are told to; nobody when not given.
    """

    mllp_port: Port = 2575
    tls: TlsFiles | None = None
    archive_url: str = "http://127.0.0.1:8081/dicom-web"
    task_manager_url: str = "http://127.0.0.1:8080/ups-rs"
    destination_url: str | None = None
    ae_title: AETitle = "STEPWELL_TR"
    rules: Path | None = None
    database_url: str | None = None
    quiet_seconds: float = Field(default=2.0, gt=0)
    quiet_without_status_seconds: float | None = Field(default=None, gt=0)
    expire_seconds: float | None = Field(default=None, gt=0)
    poll_seconds: float = Field(default=0.5, gt=0)
    slowest_poll_seconds: float = Field(default=30.0, gt=0)
    late_images_seconds: float = Field(default=14_400.0, ge=0)
    reopen_seconds: float = Field(default=0.0, ge=0)
    cancel_escalation_seconds: float = Field(default=3600.0, gt=0)
    frame_seconds: float = Field(default=60.0, gt=0)
    idle_seconds: float | None = Field(default=None, gt=0)
    max_connections: int = Field(default=100, ge=1)
    senders: BySender = Field(default_factory=dict)
    dialects: Annotated[Path, AfterValidator(_readable)] | None = None
    patient_authorities: dict[str, str] = Field(default_factory=dict)
    demographics_from_orders: tuple[str, ...] = ()
    triggers: Triggers = Field(default_factory=Triggers)
    results: ResultsSettings | None = None

    def quiet_for(self, exam: str) -> float:
        """How long a study must stand still, by what is known of its examination (``done``, ``partial`` or empty)."""
        return self.quiet_seconds if exam == "done" else self.quiet_without_status_seconds or self.quiet_seconds

    def of(self, sender: str) -> Settings:
        """The settings that hold for a sender (MSH-3 and MSH-4, joined by a bar)."""
        found = self.senders.get(sender) or self.senders.get(ANY_SENDER)
        return self.model_copy(update=found.model_dump()) if found else self

    @property
    def storage_url(self) -> str:
        """Where results shall be stored."""
        return self.destination_url or f"{self.archive_url.rstrip('/')}/studies"

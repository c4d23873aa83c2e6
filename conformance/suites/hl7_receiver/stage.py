"""What a receiver of orders declares, and the department around it: order placer, archive and worklist."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydicom import Dataset

from conformance.finding import Finding
from conformance.harness.declaration import Declaration, Strict
from conformance.harness.trial import Trial
from conformance.hl7 import check_acknowledgement
from conformance.partners import objects
from conformance.partners.archive import ImageArchive
from conformance.partners.attributes import text, values
from conformance.partners.manager import Manager
from conformance.partners.mllp import MllpReceiver, MllpSender, Reply, framed
from conformance.partners.orders import OMI, ORM, Order, Parties, Procedure, imaging_order
from conformance.partners.simulating import Exchange, Fault

Port = Field(default=0, ge=0, lt=65536)
LEAVES = "the orders that the test sends"
SENDS = "sends-orders"


class Hl7(Strict):
    """The ``[hl7]`` table: where the system takes messages; port 0: it takes none.

    Attributes:
        application, facility: MSH-5 and MSH-6 of what is sent to it.
        sending_application, sending_facility: MSH-3 and MSH-4.
        versions: of HL7 in which it takes orders.
        unused_events: how a known event is answered that is not acted upon: ``accept`` (AA) or ``refuse`` (AR).
        updates_patients: whether open workitems follow patient updates and merges.
        authority, certificate, key: PEM files for TLS with certificates of both sides; plain unless given.
        sends_host, sends_port: where the harness listens for messages of the system; port 0: it sends none.
    """

    host: str = "127.0.0.1"
    port: int = Port
    application: str = "RECEIVER"
    facility: str = "RECEIVER"
    sending_application: str = "HARNESS"
    sending_facility: str = "HARNESS"
    versions: frozenset[str] = frozenset({"2.3.1", "2.5.1"})
    unused_events: Literal["accept", "refuse"] = "accept"
    updates_patients: bool = False
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    sends_host: str = "127.0.0.1"
    sends_port: int = Port


class Listening(Strict):
    """Where the harness listens in a role of its own; the system must be told to use this address."""

    host: str = "127.0.0.1"
    port: int = Field(gt=0, lt=65536)
    path: str


class Worklist(Listening):
    """The ``[worklist]`` table: UPS-RS, where the system creates workitems."""

    path: str = "/ups-rs"


class Images(Listening):
    """The ``[archive]`` table: DICOMweb, where the system looks for images."""

    path: str = "/dicom-web"


class Notifications(Strict):
    """The ``[notifications]`` table: where the system takes Instance Availability Notifications; port 0: nowhere."""

    host: str = "127.0.0.1"
    port: int = Port
    ae_title: str = "RECEIVER"
    harness_ae_title: str = "HARNESS"
    retrieve_ae_title: str = "ARCHIVE"


class Ordered(Strict):
    """The ``[procedure]`` table: an order and images for which the system asks for one workitem.

    Attributes:
        code, scheme, meaning: of the procedure (OBR-4, OBR-44).
        modality: of order and images; MR or CT.
        body_part: Body Part Examined of the images.
        images: how many there are, in one series.
        routine, asap: values of Scheduled Procedure Step Priority for HL7 priorities R and A.
    """

    code: str = "MRHEAD"
    scheme: str = "L"
    meaning: str = "MR head"
    modality: str = "MR"
    body_part: str = "HEAD"
    images: int = Field(default=24, gt=0, le=500)
    routine: frozenset[str] = frozenset({"LOW", "MEDIUM"})
    asap: frozenset[str] = frozenset({"HIGH", "MEDIUM"})


class Surroundings(Declaration):
    """A system that makes workitems, and the addresses of everybody around it."""

    hl7: Hl7
    worklist: Worklist
    archive: Images
    notifications: Notifications = Notifications()
    procedure: Ordered = Ordered()


class HL7Receiver(Surroundings):
    """A system that makes workitems of orders and images."""

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if not (self.hl7.port or self.hl7.sends_port):
            raise ValueError("[hl7] needs port, where the system takes orders, or sends_port, where it sends them to")
        return self


class Polled(ImageArchive):
    """An archive that is asked the same again and again; only answers that are new are kept."""

    def __init__(self, host: str, port: int, base: str) -> None:
        self._answered: dict[tuple[str, str], bytes] = {}
        super().__init__(host, port, base)

    def begin(self, trial: Trial) -> None:
        """Nothing was answered yet."""
        self._answered.clear()
        super().begin(trial)

    def record(self, exchange: Exchange) -> None:
        """Keep what is new."""
        asked = (exchange.request.path, exchange.request.query)
        if self._answered.get(asked) != exchange.reply.body:
            self._answered[asked] = exchange.reply.body
            super().record(exchange)


@dataclass(frozen=True, slots=True)
class Scan:
    """A study that the archive has or is going to have, and the order for it."""

    order: Order
    images: list[Dataset] = field(default_factory=list)

    @property
    def uid(self) -> str:
        """Study Instance UID."""
        return self.order.study.uid


class Department:
    """The system under test, seen from everybody it speaks with."""

    def __init__(self, declared: Surroundings, opened: ExitStack) -> None:
        """Archive and worklist listen from now on."""
        hl7, worklist, archive = declared.hl7, declared.worklist, declared.archive
        self.declared = declared
        self.placer = MllpSender(hl7.host, hl7.port, _context(hl7))
        self.worklist = Manager(worklist.host, worklist.port, worklist.path)
        opened.callback(self.worklist.close)
        self.archive = Polled(archive.host, archive.port, archive.path)
        opened.callback(self.archive.close)
        self.receiver: MllpReceiver | None = None
        if hl7.sends_port:
            self.receiver = MllpReceiver(hl7.sends_host, hl7.sends_port, lambda _message: None)
            self.receiver.start()
            opened.callback(self.receiver.close)
        self.parties = Parties(hl7.sending_application, hl7.sending_facility, hl7.application, hl7.facility)
        self._trial: Trial | None = None

    # -- the stage ---------------------------------------------------------------------------------------------------

    def begin(self, trial: Trial) -> None:
        """What is seen from now on is that trial's evidence."""
        self._trial = self.placer.trial = trial
        self.worklist.begin(trial)
        self.archive.begin(trial)
        if self.receiver:
            self.receiver.begin(trial)

    def end(self) -> None:
        """No trial is on."""
        self._trial = self.placer.trial = None
        self.worklist.end()
        self.archive.end()

    @property
    def trial(self) -> Trial:
        """The trial that is on."""
        if self._trial is None:
            raise RuntimeError("no test is on")
        return self._trial

    # -- studies and orders ------------------------------------------------------------------------------------------

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of order messages that the system takes."""
        kinds = {"2.5.1": OMI, "2.3.1": ORM}
        return tuple(kind for version, kind in kinds.items() if version in self.declared.hl7.versions)

    @property
    def kind(self) -> str:
        """The kind of order messages for tests that are not about it."""
        return self.kinds[0]

    def scan(self, patient_name: str = "Fictional^Harness", of: Scan | None = None, **ordered: str) -> Scan:
        """A new study with its order; nobody knows of either yet.

        Args:
            patient_name: in the images.
            of: a study of the same patient; a new patient unless given.
            ordered: attributes of the order.
        """
        about = self.declared.procedure
        study = objects.Study(patient_name=patient_name)
        if of:
            study = replace(study, patient_id=of.order.study.patient_id)
        procedure = Procedure(about.code, about.scheme, about.meaning, about.modality)
        order = replace(Order(study, procedure), **ordered)  # type: ignore[arg-type] # all of them are texts
        series = objects.new_uid()
        sop_class = objects.CT if about.modality == "CT" else objects.MR
        images = [
            objects.image(study, sop_class, series=series, number=number) for number in range(1, about.images + 1)
        ]
        for image in images:
            image.BodyPartExamined = about.body_part
            image.SeriesDescription = about.meaning
        return Scan(order, images)

    def store(self, scan: Scan, *images: Dataset) -> None:
        """The archive has these images of a study from now on; all of them unless some are given."""
        for image in images or scan.images:
            self.archive.keep_file(image, b"")

    def store_in_halves(self, scan: Scan, act: Callable[[], object] = lambda: None) -> None:
        """The archive has half of the images; the others come when it was asked twice for those, or after a while.

        Args:
            scan: the study.
            act: done once the first half is there.
        """
        half = len(scan.images) // 2
        self.store(scan, *scan.images[:half])
        counted = self.archive.fail(
            Fault(
                lambda request: scan.uid in request.path and request.path.endswith(("/instances", "/metadata")),
                after=1,
                then=lambda: self.store(scan, *scan.images[half:]),
            )
        )
        act()
        if not self.trial.wait_for(lambda: counted.met):
            self.store(scan, *scan.images[half:])

    def send(self, scan: Scan, kind: str = "", *, control: str = "NW", status: str = "SC") -> Reply:
        """Send an order, and require that it is accepted."""
        message = imaging_order(scan.order, self.parties, kind or self.kind, control=control, status=status)
        reply = self.placer.send(message, f"order {control}")
        self.trial.require(reply.accepted, "a good order is accepted", reply.words, reply.evidence)
        return reply

    def ask_for(self, scan: Scan, message: bytes = b"") -> None:
        """Have the system request its task for a study.

        Args:
            scan: the study.
            message: the order to send; a new one unless given.
        """
        octets = message or imaging_order(scan.order, self.parties, self.kind)
        reply = self.placer.send(octets, "order NW")
        self.trial.require(reply.accepted, "a good order is accepted", reply.words, reply.evidence)

    def judged(self, reply: Reply, message: bytes) -> list[Finding]:
        """What the checks find in an answer."""
        return check_acknowledgement(framed(reply.content), message, "answer")

    # -- workitems ---------------------------------------------------------------------------------------------------

    def created(self, scan: Scan) -> list[Exchange]:
        """The workitems that were created for a study."""
        return [one for one in self.worklist.of("create") if one.ok and scan.uid in studies_of(one)]

    def requested(self, scan: Scan) -> Exchange:
        """Wait for the workitem of a study, and require that it comes."""
        found = self.trial.wait_for(lambda: self.created(scan))
        tried = self.worklist.of("create")
        self.trial.require(
            found, "a workitem is created for the study", f"{len(tried)} requests to create", self.proof(*tried[:5])
        )
        return (found or tried)[0]

    def nothing_more(self) -> None:
        """Give the system the time that it takes for another order of which it makes a workitem."""
        other = self.scan()
        self.store(other)
        self.ask_for(other)
        self.requested(other)
        self.trial.quiet()

    def uid_of(self, exchange: Exchange) -> str:
        """The UID of a workitem by its creation."""
        return exchange.reply.headers.get("location", "").rsplit("/", 1)[-1]

    def proof(self, *exchanges: Exchange) -> list[str]:
        """Ids of the evidence of exchanges."""
        return self.worklist.proof(self.trial, *exchanges)


def studies_of(exchange: Exchange) -> set[str]:
    """Every study that a workitem names."""
    dataset = exchange.request.dataset
    found = {text(dataset, "StudyInstanceUID")}
    for place in ("InputInformationSequence", "ReferencedRequestSequence"):
        found |= {str(one) for one in values(dataset, f"{place}.StudyInstanceUID")}
    return found


def _context(hl7: Hl7) -> ssl.SSLContext | None:
    if not hl7.authority:
        return None
    context = ssl.create_default_context(cafile=hl7.authority)
    if hl7.certificate:
        context.load_cert_chain(hl7.certificate, hl7.key)
    return context


class Receiving(Department):
    """The department around a receiver of orders."""

    def begin(self, trial: Trial) -> None:
        """A system that only sends has one test."""
        if not self.declared.hl7.port and trial.case.option != SENDS:
            trial.omit("the system takes no messages")
        super().begin(trial)


@contextmanager
def stage(declared: HL7Receiver) -> Iterator[Receiving]:
    """The department, for the length of a run."""
    with ExitStack() as opened:
        yield Receiving(declared, opened)

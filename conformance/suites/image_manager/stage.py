"""What an Image Manager declares, and the clients that stand opposite it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import Field
from pydicom import Dataset

from conformance.harness.declaration import Declaration, Strict
from conformance.harness.trial import Trial
from conformance.partners import objects
from conformance.partners.dicomweb import DicomWeb
from conformance.partners.http import Answer, RecordingClient
from conformance.partners.storage import Address, Receiver, StoragePeer

PM_REQUIRED = "parametric-map"


class Dicomweb(Strict):
    """The ``[dicomweb]`` table: where STOW-RS, QIDO-RS and WADO-RS are."""

    base_url: str


class Dimse(Strict):
    """The ``[dimse]`` table; the system must know the harness's AE title with its host and port for C-MOVE."""

    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, lt=65536)
    ae_title: str = "ARCHIVE"
    harness_ae_title: str = "HARNESS"
    harness_host: str = "127.0.0.1"
    harness_port: int = Field(default=0, ge=0, lt=65536)


class ImageManager(Declaration):
    """A system that plays the Image Manager."""

    dicomweb: Dicomweb
    dimse: Dimse = Dimse()


class Archive:
    """The system under test, seen through its services."""

    def __init__(self, declared: ImageManager) -> None:
        """Listens for C-MOVE when the declaration names a port for it."""
        dimse = declared.dimse
        self.declared = declared
        self.http = RecordingClient(declared.dicomweb.base_url)
        self.web = DicomWeb(self.http)
        self.peer = StoragePeer(
            Address(dimse.host, dimse.port, dimse.ae_title), dimse.harness_ae_title, declared.limits.answer_seconds
        )
        self.receiver: Receiver | None = None
        if dimse.harness_port:
            self.receiver = Receiver(dimse.harness_host, dimse.harness_port, dimse.harness_ae_title)

    def begin(self, trial: Trial) -> None:
        """What is seen from now on is that trial's evidence."""
        self.http.trial = self.peer.trial = trial

    def end(self) -> None:
        """No trial is on."""
        self.http.trial = self.peer.trial = None

    def close(self) -> None:
        """Give everything back."""
        self.http.close()
        if self.receiver:
            self.receiver.close()

    def stored(self, trial: Trial, *datasets: Dataset) -> Answer:
        """Store over STOW-RS what a test needs; without it the test makes no sense."""
        answer = self.web.store([objects.as_file(one) for one in datasets])
        trial.require(answer.ok, "the instances that the test needs are stored", answer.words, answer.evidence)
        return answer


@contextmanager
def stage(declared: ImageManager) -> Iterator[Archive]:
    """The clients, for the length of a run."""
    archive = Archive(declared)
    try:
        yield archive
    finally:
        archive.close()

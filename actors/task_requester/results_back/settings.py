"""The ``[task_requester.results]`` table of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, model_validator

from actors.shared.settings import TlsFiles


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= _HIGHEST_PORT:
        raise ValueError(f"{value!r} is no host:port, e.g. 127.0.0.1:2576")
    return value


_HIGHEST_PORT = 65535
_HERE = frozenset({"127.0.0.1", "localhost", "[::1]"})
Address = Annotated[str, AfterValidator(_address)]
Name = Annotated[str, Field(min_length=1)]


class ResultsSettings(BaseModel):
    """Whom results are told to; nobody whose address is not given.

    Attributes:
        receiver: ``host:port`` that takes ORU^R01 over MLLP.
        ris: ``host:port`` that takes OMI^O23 XO with a raised priority.
        fhir_url: base of a FHIR server that takes each result as a transaction.
        fhir_version: ``R4B``, which R4 servers take too, or ``R5``.
        fhir_token: file with a bearer token for it; only over https, or to this machine.
        retrieve_url: DICOMweb base under which FHIR receivers find the result objects; not told when empty.
        raise_worklist: whether an urgent result raises the other waiting workitems of its study (RAD-84).
        tls: certificates for both.
        sending_application: MSH-3.
        sending_facility: MSH-4.
        receiving_application: MSH-5.
        receiving_facility: MSH-6.
        version: of the results, ``2.5.1`` (RAD-128) or ``2.3.1`` (RAD-28).
        charset: MSH-18.
        processing_id: MSH-11.
        assigning_authority: of Patient IDs that name none (PID-3.4).
        urgent_findings: codes that are urgent when present, each ``value|scheme``; a priority hint HIGH always is.
        alert_url: gets an HTTP POST for each urgent result.
        escalation_url: gets one when nobody acknowledged it in time; ``alert_url`` when not given.
        escalation_seconds: how long an alert may wait for a person.
        listen: whether the Task Manager is asked to tell when a workitem ends (RAD-86).
        poll_seconds: how soon a workitem is looked at again; the pauses grow with its age.
        slowest_poll_seconds: the longest pause, and the pause while the Task Manager tells.
        answer_seconds: how long an answer is waited for.
        retry_seconds: pause after a message that was not answered; the pauses double.
        slowest_retry_seconds: the longest pause.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    receiver: Address | None = None
    ris: Address | None = None
    fhir_url: HttpUrl | None = None
    fhir_version: Literal["R4B", "R5"] = "R4B"
    fhir_token: Path | None = None
    retrieve_url: str = ""
    raise_worklist: bool = False
    tls: TlsFiles | None = None
    sending_application: Name = "STEPWELL"
    sending_facility: Name = "STEPWELL"
    receiving_application: Name = "RIS"
    receiving_facility: Name = "HOSPITAL"
    version: Literal["2.3.1", "2.5.1"] = "2.5.1"
    charset: str = "UNICODE UTF-8"
    processing_id: str = "P"
    assigning_authority: str = ""
    urgent_findings: tuple[Annotated[str, Field(pattern=r"^[^|]+\|[^|]+$")], ...] = ()
    alert_url: HttpUrl | None = None
    escalation_url: HttpUrl | None = None
    escalation_seconds: float = Field(default=900.0, gt=0)
    listen: bool = True
    poll_seconds: float = Field(default=2.0, gt=0)
    slowest_poll_seconds: float = Field(default=60.0, gt=0)
    answer_seconds: float = Field(default=30.0, gt=0)
    retry_seconds: float = Field(default=1.0, gt=0)
    slowest_retry_seconds: float = Field(default=300.0, gt=0)

    @model_validator(mode="after")
    def _guarded_token(self) -> Self:
        url = self.fhir_url
        if self.fhir_token and (url is None or (url.scheme != "https" and url.host not in _HERE)):
            raise ValueError("fhir_token needs an https fhir_url: over http anybody on the way could read it")
        return self

    @model_validator(mode="after")
    def _known_charset(self) -> Self:
        from profiles.hl7.charsets import codec_of  # the HL7 library is not loaded by every actor

        if codec_of(self.charset) is None:
            raise ValueError(
                f"charset {self.charset!r} is not in HL7 table 0211; name one of it, such as UNICODE UTF-8"
            )
        return self

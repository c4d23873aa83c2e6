"""HL7 over MLLP from both sides: a sender that waits for answers, and a receiver that answers as it is told.

Both record every message as evidence of the trial that is on, and are bounded in time and size.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event as Flag
from threading import Lock, Thread

from conformance.harness.trial import SystemFailed, Trial
from conformance.hl7.frames import CR, END, START, Frame
from conformance.hl7.message import Message, read

_CHUNK = 64 * 1024
_POLL_SECONDS = 0.1


def framed(content: bytes) -> bytes:
    """A message as it goes over the wire."""
    return START + content + END + CR


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered to a message.

    Attributes:
        content: the octets of the frame.
        evidence: ids of the message and its answer.
        seconds: how long it was waited for.
    """

    content: bytes
    evidence: tuple[str, ...]
    seconds: float = 0.0

    @property
    def message(self) -> Message | None:
        """The answer as it was read; None when it is none."""
        return read(Frame(self.content, True))

    @property
    def code(self) -> str:
        """MSA-1, or empty."""
        return self._of_msa(1)

    @property
    def control_id(self) -> str:
        """MSA-2, or empty."""
        return self._of_msa(2)

    @property
    def accepted(self) -> bool:
        """Whether the message was accepted."""
        return self.code in {"AA", "CA"}

    @property
    def refused(self) -> bool:
        """Whether the message was refused."""
        return self.code in {"AE", "AR", "CE", "CR"}

    @property
    def words(self) -> str:
        """The answer in one line, for what was found; its free text could be of a patient and is left out."""
        codes = [one.part(3) for one in self.message.all("ERR")] if self.message else []
        return f"answer {self.code or 'without MSA-1'}" + "".join(f", ERR {code}" for code in codes if code.isdigit())

    def _of_msa(self, number: int) -> str:
        segment = self.message.first("MSA") if self.message else None
        return segment.field(number) if segment else ""


class Connection:
    """One open connection to a receiver."""

    def __init__(self, trial: Trial, opened: socket.socket) -> None:
        self._trial, self._socket = trial, opened
        self._rest = b""
        self._written: tuple[str, ...] = ()

    def write(self, octets: bytes, words: str = "") -> str:
        """Send octets as they are; the id of the evidence."""
        evidence = self._trial.keep("hl7", words or "octets sent", octets, "hl7")
        self._written = (*self._written, evidence)
        try:
            self._socket.settimeout(self._trial.declared.limits.answer_seconds)
            self._socket.sendall(octets)
        except OSError as error:
            raise SystemFailed(f"the connection did not take a message ({type(error).__name__})", [evidence]) from error
        return evidence

    def reply(self, seconds: float | None = None) -> Reply:
        """The next answer.

        Raises:
            SystemFailed: when no whole frame came in time (the declared ``answer_seconds`` unless given) and size.
        """
        wait = self._trial.declared.limits.answer_seconds if seconds is None else seconds
        began = time.monotonic()
        content, trouble = self._frame(wait)
        written, self._written = self._written, ()
        if trouble:
            evidence = self._trial.keep("hl7", f"no answer: {trouble}", self._rest, "hl7")
            raise SystemFailed(f"no answer to a message: {trouble}", (*written, evidence))
        evidence = self._trial.keep("hl7", "answer", framed(content), "hl7")
        return Reply(content, (*written, evidence), time.monotonic() - began)

    def silent(self) -> bool:
        """Whether nothing comes for as long as the harness believes that nothing comes."""
        content, trouble = self._frame(self._trial.declared.limits.quiet_seconds)
        return not content and trouble.startswith("none within") and not self._rest.strip(b"\r\n")

    def _frame(self, seconds: float) -> tuple[bytes, str]:
        """One frame and no words, or why there is none."""
        end = time.monotonic() + seconds
        largest = self._trial.declared.limits.answer_bytes
        while True:
            before, begun, content = self._rest.partition(START)
            if before.strip(b"\r\n\0 "):
                return b"", "octets came that are in no frame"
            inside, ended, after = content.partition(END + CR)
            if begun and ended:
                self._rest = after
                return inside, ""
            if len(self._rest) > largest:
                return b"", f"it is longer than {largest} octets"
            portion, trouble = self._portion(end - time.monotonic(), seconds)
            if trouble:
                return b"", trouble
            self._rest += portion

    def _portion(self, left: float, seconds: float) -> tuple[bytes, str]:
        if left <= 0:
            return b"", f"none within {seconds:g} s"
        try:
            self._socket.settimeout(left)
            portion = self._socket.recv(_CHUNK)
        except TimeoutError:
            return b"", f"none within {seconds:g} s"
        except OSError as error:
            return b"", f"the connection broke ({type(error).__name__})"
        return portion, "" if portion else "the connection was closed"


class MllpSender:
    """Sends to one receiver.

    Args:
        host: of the receiver.
        port: of the receiver.
        context: for TLS; None for a plain connection.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None = None) -> None:
        self.host, self.port, self._context = host, port, context
        self.trial: Trial | None = None

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection, until the block is left.

        Raises:
            SystemFailed: when there is none to be had.
        """
        if self.trial is None:
            raise RuntimeError("no test is on")
        with ExitStack() as opened:
            try:
                limit = self.trial.declared.limits.answer_seconds
                channel = opened.enter_context(socket.create_connection((self.host, self.port), limit))
                if self._context:
                    channel = opened.enter_context(self._context.wrap_socket(channel, server_hostname=self.host))
            except OSError as error:
                words = f"no connection to {self.host}:{self.port} ({type(error).__name__})"
                raise SystemFailed(words) from error
            yield Connection(self.trial, channel)

    def send(self, content: bytes, words: str = "") -> Reply:
        """One message over a connection of its own, and the answer."""
        with self.connected() as connection:
            connection.write(framed(content), words or "message sent")
            return connection.reply()


Answer = Callable[[bytes], bytes | None]
"""What is answered to a message; None for nothing."""


@dataclass(slots=True)
class Received:
    """One message that came.

    Attributes:
        content: the octets of its frame.
        at: seconds of a clock that only goes forward.
        evidence: id of the evidence.
    """

    content: bytes
    at: float
    evidence: str


@dataclass(slots=True)
class MllpReceiver:
    """Listens, records what comes, and answers as it is told.

    Attributes:
        answer: called with each message; replace it to answer otherwise.
        received: what came since the trial began.
    """

    host: str
    port: int
    answer: Answer
    context: ssl.SSLContext | None = None
    trial: Trial | None = None
    received: list[Received] = field(default_factory=list)
    _stopped: Flag = field(default_factory=Flag)
    _lock: Lock = field(default_factory=Lock)
    _threads: list[Thread] = field(default_factory=list)
    _listening: socket.socket | None = None

    def start(self) -> None:
        """Listen; returns when connections are taken.

        Raises:
            OSError: when the port cannot be had.
        """
        self._listening = socket.create_server((self.host, self.port))
        self._listening.settimeout(_POLL_SECONDS)
        self._begin(self._accept)

    def close(self) -> None:
        """Take no more connections, close those there are."""
        self._stopped.set()
        while self._threads:
            self._threads.pop().join()
        if self._listening:
            self._listening.close()

    def begin(self, trial: Trial) -> None:
        """What comes from now on is that trial's evidence."""
        with self._lock:
            self.trial = trial
            self.received.clear()

    def _begin(self, target: Callable[..., None], *args: socket.socket) -> None:
        thread = Thread(target=target, args=args, name="mllp-receiver", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopped.is_set() and self._listening:
            with suppress(TimeoutError):
                channel, _ = self._listening.accept()
                self._begin(self._serve, channel)

    def _serve(self, channel: socket.socket) -> None:
        with ExitStack() as opened, suppress(OSError):
            opened.enter_context(channel)
            if self.context:
                channel.settimeout(_POLL_SECONDS * 10)
                channel = opened.enter_context(self.context.wrap_socket(channel, server_side=True))
            channel.settimeout(_POLL_SECONDS)
            self._converse(channel)

    def _converse(self, channel: socket.socket) -> None:
        content = b""
        while not self._stopped.is_set():
            try:
                portion = channel.recv(_CHUNK)
            except TimeoutError:
                continue
            if not portion or len(content) > self._largest():
                return
            content += portion
            while END + CR in content:
                frame, _, content = content.partition(END + CR)
                answer = self._take(frame.rpartition(START)[2])
                if answer is not None:
                    channel.sendall(framed(answer))

    def _largest(self) -> int:
        return self.trial.declared.limits.answer_bytes if self.trial else _CHUNK

    def _take(self, content: bytes) -> bytes | None:
        with self._lock:
            evidence = self.trial.keep("hl7", "message received", framed(content), "hl7") if self.trial else ""
            self.received.append(Received(content, time.monotonic(), evidence))
        answer = self.answer(content)
        if answer is not None and self.trial:
            self.trial.keep("hl7", "answer sent", framed(answer), "hl7")
        return answer

"""MLLP over asyncio: many messages per connection, limits, optional TLS; and a small client (HL7 MLLP release 1).

Frames are ``0B content 1C 0D``. What comes between frames is dropped and counted; a new ``0B`` inside a frame abandons
the part before it; ``1C`` without ``0D`` ends a frame too.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field

from actors.shared.logs import get_logger
from actors.shared.settings import TlsFiles

START, END, CR = 0x0B, 0x1C, 0x0D
_FRAME_START, _FRAME_END = bytes((START,)), bytes((END, CR))
#: Stands between the messages of an answer that has several.
BETWEEN_FRAMES = _FRAME_END + _FRAME_START
_HEAD_BYTES = 4096
_READ_BYTES = 65536
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Frame:
    """One framed block.

    Attributes:
        content: the bytes between the frame characters; only their start when the block was too long.
        too_long: whether the block went over the limit.
    """

    content: bytes
    too_long: bool = False


@dataclass(slots=True)
class FrameReader:
    """Takes bytes in any portions and gives whole frames, in linear time and bounded memory.

    Args:
        max_bytes: longest content of a frame.

    Attributes:
        dropped: how many bytes outside frames were dropped.
    """

    max_bytes: int = 32 * 2**20
    dropped: int = 0
    _content: bytearray = field(default_factory=bytearray)
    _inside: bool = False
    _too_long: bool = False
    _just_ended: bool = False

    @property
    def inside(self) -> bool:
        """Whether a frame has begun and not yet ended."""
        return self._inside

    def feed(self, portion: bytes) -> list[Frame]:
        """Take the next bytes.

        Returns:
            The frames that they complete.
        """
        frames: list[Frame] = []
        position = 0
        while position < len(portion):
            position = self._read_inside(portion, position, frames) if self._inside else self._skip(portion, position)
        return frames

    def _skip(self, portion: bytes, position: int) -> int:
        start = portion.find(_FRAME_START, position)
        end = len(portion) if start < 0 else start
        dropped = end - position
        if self._just_ended and portion[position] == CR:
            dropped -= 1  # the CR of the end that was just read
        self._just_ended = False
        self.dropped += dropped
        if start < 0:
            return end
        self._begin()
        return start + 1

    def _begin(self) -> None:
        self._content.clear()
        self._inside, self._too_long = True, False

    def _read_inside(self, portion: bytes, position: int, frames: list[Frame]) -> int:
        end = portion.find(END, position)
        end = len(portion) if end < 0 else end
        restart = portion.rfind(_FRAME_START, position, end)
        if restart >= 0:
            self.dropped += len(self._content) + restart - position
            self._begin()
            position = restart + 1
        self._take(portion[position:end])
        if end == len(portion):
            return end
        frames.append(Frame(bytes(self._content), self._too_long))
        self._content.clear()
        self._inside, self._just_ended = False, True
        return end + 1

    def _take(self, portion: bytes) -> None:
        if not self._too_long and len(self._content) + len(portion) > self.max_bytes:
            self._too_long = True
            self._content += portion[: max(0, _HEAD_BYTES - len(self._content))]
            del self._content[_HEAD_BYTES:]
        elif not self._too_long:
            self._content += portion


Handler = Callable[[Frame, str], bytes]


class MllpServer:
    """Serves on a thread of its own, answering every frame of a connection in its order.

    Args:
        handler: called with frame and peer address on a worker thread; its answer is sent back in a frame, none when it
            is empty, several when it has `BETWEEN_FRAMES` in it. It must not
            raise; if it does, the connection is closed without an answer, so that the sender sends again.
        host: address to listen on.
        port: port to listen on.
        max_bytes: longest message.
        frame_seconds: how long a begun frame may take to end; idle connections stay open.
        idle_seconds: how long a connection may be silent; None for as long as it likes.
        max_connections: further ones are closed at once.
        tls: certificates of this side; clients must then show one of the same authority (ITI-19).
        workers: runs the handler; one worker by default, so that messages are handled in the order in which they came.
    """

    def __init__(  # noqa: PLR0913 - the settings of a listener
        self,
        handler: Handler,
        host: str,
        port: int,
        *,
        max_bytes: int = 32 * 2**20,
        frame_seconds: float = 60.0,
        idle_seconds: float | None = None,
        max_connections: int = 100,
        tls: TlsFiles | None = None,
        workers: Executor | None = None,
    ) -> None:
        self._handler, self._host, self._port = handler, host, port
        self._max_bytes, self._frame_seconds, self._idle_seconds = max_bytes, frame_seconds, idle_seconds
        self._max_connections = max_connections
        self._tls = tls
        self._workers = workers or ThreadPoolExecutor(1, "mllp")
        self._open: set[asyncio.Task[None]] = set()
        self._listening = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="mllp-server", daemon=True)

    def start(self) -> None:
        """Listen; returns when connections are taken.

        Raises:
            OSError: when the port cannot be had.
        """
        self._thread.start()
        self._listening.wait()
        if self._failure:
            raise self._failure

    def stop(self) -> None:
        """Close all connections and end the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()
        self._workers.shutdown()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_new_loop) as runner:
                runner.run(self._serve())
        except OSError as error:
            self._failure = error
        finally:
            self._listening.set()

    async def _serve(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        context = server_context(self._tls) if self._tls else None
        server = await asyncio.start_server(self._accept, self._host, self._port, ssl=context)
        self._listening.set()
        await self._stopped.wait()
        server.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        peer = _peer(writer)
        if task is None or len(self._open) >= self._max_connections:
            _log.warning("connection-refused", peer=peer, reason="too many connections", limit=self._max_connections)
            writer.close()
            return
        self._open.add(task)
        try:
            await self._converse(reader, writer, peer)
        except (ConnectionError, ssl.SSLError, asyncio.CancelledError):
            pass
        except TimeoutError:
            _log.warning("connection-timed-out", peer=peer)
        except Exception as error:
            _log.error("connection-failed", peer=peer, reason=type(error).__name__)
        finally:
            self._open.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        frames = FrameReader(self._max_bytes)
        dropped = 0
        while True:
            limit = self._frame_seconds if frames.inside else self._idle_seconds
            portion = await asyncio.wait_for(reader.read(_READ_BYTES), limit)
            if not portion:
                return
            for frame in frames.feed(portion):
                answer = await self._loop.run_in_executor(self._workers, self._handler, frame, peer)
                writer.write(framed(answer) if answer else b"")
                await writer.drain()
            if frames.dropped > dropped:
                _log.warning("bytes-between-frames", peer=peer, count=frames.dropped - dropped)
                dropped = frames.dropped


def _new_loop() -> asyncio.AbstractEventLoop:
    """A loop of uvloop, which needs less time for each message; there is none on Windows."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def framed(content: bytes) -> bytes:
    """A message as it goes over the wire."""
    return _FRAME_START + content + _FRAME_END


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 or newer with both sides' certificates of one authority (IHE ITI-19, BCP 195)."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files.authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(files.certificate, files.key)
    return context


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """The client's side of `server_context`."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=files.authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.certificate, files.key)
    return context


def _peer(writer: asyncio.StreamWriter) -> str:
    address = writer.get_extra_info("peername") or ("unknown", 0)
    return f"{address[0]}:{address[1]}"

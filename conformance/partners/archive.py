"""An Image Manager to be scripted: QIDO-RS, WADO-RS and STOW-RS, as a lone client of it needs them.

How a test uses it::

    archive.keep(*series)                              # it has these images
    archive.keep_file(image, b"no DICOM")              # it sends these octets for an image
    archive.refuse(lambda dataset: 0xA900)             # Failure Reason for what it does not take; None: it does
    archive.fail(Fault(archive.when("retrieve"), status=404, times=None))
    archive.hold(); archive.release()                  # images are on their way until released

    archive.of("store"), archive.of("retrieve")        # requests of a kind, with what was answered, in order
    archive.stored                                     # every instance that it took, as a dataset and as octets
    exchange.reply.about                               # SOP Instance UIDs that a request was about
    archive.proof(trial, *exchanges)                   # ids of the evidence

Kinds of requests: search, retrieve (whole instances), metadata, frames, store, other. Everything is of the trial that
is on; what it had before is forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from io import BytesIO

import pydicom
from pydicom import Dataset
from pydicom.errors import InvalidDicomError

from conformance.harness.trial import SystemFailed, Trial
from conformance.partners.attributes import Attributes, matches, put, text
from conformance.partners.dicomweb import DICOM, parts
from conformance.partners.http import Answer
from conformance.partners.images import Series, as_file
from conformance.partners.simulating import Exchange, Reply, Request, Simulator

_PLACE = r"/studies/(?P<study>[^/]+)(?:/series/(?P<series>[^/]+)(?:/instances/(?P<instance>[^/]+))?)?"
_SEARCHED = r"(?:/studies/(?P<study>[^/]+)(?:/series/(?P<series>[^/]+))?)?"
_ROUTES = tuple(
    (kind, method, re.compile(pattern))
    for kind, method, pattern in (
        ("store", "POST", r"/studies(?:/(?P<study>[^/]+))?/?"),
        ("search", "GET", _SEARCHED + r"/(?P<level>studies|series|instances)/?"),
        ("metadata", "GET", _PLACE + r"/metadata/?"),
        ("frames", "GET", _PLACE + r"/frames/(?P<frame>\d+)/?"),
        ("retrieve", "GET", _PLACE + "/?"),
    )
)
_LEVELS = {"studies": "StudyInstanceUID", "series": "SeriesInstanceUID", "instances": "SOPInstanceUID"}
_NO_KEYS = {"includefield", "limit", "offset", "fuzzymatching", ""}
_BOUNDARY = "harness-archive-5d2b"
_BULK = 1024
_UNREADABLE = 0xC000


@dataclass(frozen=True, slots=True)
class Held:
    """One instance that the archive has.

    Attributes:
        dataset: what it says; without pixel data where that is large.
        file: the octets that are sent.
        exchange: number of the request that stored it; 0 when it was there.
        evidence: id of the evidence that it was stored as; empty when it was there.
    """

    dataset: Dataset
    file: bytes
    exchange: int = 0
    evidence: str = ""

    @property
    def uid(self) -> str:
        """SOP Instance UID."""
        return str(self.dataset.SOPInstanceUID)

    def header(self, url: str) -> Attributes:
        """Its attributes without bulk data, and where it is."""
        found: Attributes = self.dataset.to_json_dict(
            bulk_data_threshold=_BULK, bulk_data_element_handler=lambda _element: url, suppress_invalid_tags=True
        )
        return put({tag: value for tag, value in found.items() if "BulkDataURI" not in value}, "RetrieveURL", url)


def kind_of(request: Request) -> tuple[str, dict[str, str]]:
    """Kind of a request, and what its address names."""
    for kind, method, pattern in _ROUTES:
        found = pattern.fullmatch(request.path) if request.method == method else None
        if found:
            return kind, {name: value for name, value in found.groupdict().items() if value}
    return "other", {}


class ImageArchive(Simulator):
    """The archive.

    Args:
        host: interface.
        port: TCP port.
        base: path under which its resources lie.
    """

    def __init__(self, host: str, port: int, base: str = "/dicom-web") -> None:
        self._held: dict[str, Held] = {}
        self._refused: Callable[[Dataset], int | None] = lambda _dataset: None
        self._answers: dict[str, Callable[[Request, dict[str, str]], Reply]] = {
            "store": self._store,
            "search": self._search,
            "metadata": self._metadata,
            "frames": self._frames,
            "retrieve": self._retrieve,
            "other": lambda _request, _place: Reply(404),
        }
        super().__init__(host, port, base)

    def begin(self, trial: Trial) -> None:
        """It has nothing, and takes everything."""
        with self.lock:
            self._held.clear()
            self._refused = lambda _dataset: None
        super().begin(trial)

    # -- scripting ---------------------------------------------------------------------------------------------------

    def keep(self, *series: Series) -> None:
        """Have the images of some series."""
        for image in (one for each in series for one in each.images):
            self.keep_file(image, as_file(image))

    def keep_file(self, image: Dataset, file: bytes) -> None:
        """Have an image, and send these octets for it."""
        with self.lock:
            held = Held(image, file)
            self._held[held.uid] = held

    def refuse(self, reason: Callable[[Dataset], int | None]) -> None:
        """Say of each instance that is stored why it is not taken (PS3.18 Table I.2-2); None when it is."""
        self._refused = reason

    # -- seeing ------------------------------------------------------------------------------------------------------

    @property
    def stored(self) -> list[Held]:
        """What it took in this trial, in order."""
        with self.lock:
            return sorted((one for one in self._held.values() if one.exchange), key=lambda one: one.exchange)

    def when(self, kind: str, uid: str = "") -> Callable[[Request], bool]:
        """Whether a request is of a kind, and about a study, series or instance; each unless empty."""

        def is_meant(request: Request) -> bool:
            found, place = kind_of(request)
            return found == kind and (not uid or uid in place.values())

        return is_meant

    def of(self, kind: str, uid: str = "") -> list[Exchange]:
        """What came of a kind in this trial, about a study, series or instance; each unless empty."""
        is_meant = self.when(kind, uid)
        return [one for one in self.exchanges if is_meant(one.request)]

    # -- answering ---------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        """By the rules of PS3.18 chapter 10, as far as a partner of one system needs them."""
        kind, place = kind_of(request)
        return self._answers[kind](request, place)

    def held_back(self, request: Request) -> bool:
        """Images are what waits."""
        return kind_of(request)[0] == "retrieve"

    def told(self, exchange: Exchange) -> tuple[str, str]:
        """Instances by their UIDs; they are evidence of their own where they were stored."""
        sent, answered = super().told(exchange)
        stored = kind_of(exchange.request)[0] == "store"
        return (f"{len(exchange.request.body)} octets" if stored else sent), answered

    def _among(self, place: dict[str, str]) -> list[Held]:
        wanted = {
            keyword: place[name]
            for name, keyword in (
                ("study", "StudyInstanceUID"),
                ("series", "SeriesInstanceUID"),
                ("instance", "SOPInstanceUID"),
            )
            if name in place
        }
        return [one for one in self._held.values() if all(one.dataset.get(key) == uid for key, uid in wanted.items())]

    def _url_of(self, held: Held) -> str:
        found = held.dataset
        return (
            f"{self.url}/studies/{found.StudyInstanceUID}/series/{found.SeriesInstanceUID}"
            f"/instances/{found.SOPInstanceUID}"
        )

    def _search(self, request: Request, place: dict[str, str]) -> Reply:
        keys = [(name, value) for name, value in request.parameters if name.lower() not in _NO_KEYS]
        level = _LEVELS[place["level"]]
        entries: dict[str, Attributes] = {}
        for held in self._among(place):
            header = held.header(self._url_of(held))
            if matches(header, keys):
                entries.setdefault(text(header, level), header)
        found = list(entries.values())
        offset = _number(request.parameter("offset"), 0)
        page = found[offset : offset + _number(request.parameter("limit"), len(found))]
        about = tuple(text(one, "SOPInstanceUID") for one in page)
        told = f"{len(page)} of {len(found)} {place['level']}"
        return replace(Reply.json(page) if page else Reply(204), told=told, about=about)

    def _metadata(self, _request: Request, place: dict[str, str]) -> Reply:
        found = self._among(place)
        reply = Reply.json([one.header(self._url_of(one)) for one in found], 200 if found else 404)
        return replace(reply, told=f"{len(found)} headers", about=tuple(one.uid for one in found))

    def _frames(self, _request: Request, place: dict[str, str]) -> Reply:
        found = self._among(place)
        if not found or place["frame"] != "1":
            return Reply(404)
        return _multipart("application/octet-stream", [(found[0].uid, bytes(found[0].dataset.PixelData))])

    def _retrieve(self, _request: Request, place: dict[str, str]) -> Reply:
        found = self._among(place)
        return _multipart(DICOM, [(one.uid, one.file) for one in found]) if found else Reply(404)

    def _store(self, request: Request, _place: dict[str, str]) -> Reply:
        try:
            files = [one.body for one in parts(Answer(0, request.headers, request.body, ""))]
        except SystemFailed:
            return Reply(400)
        stored: list[Attributes] = []
        failed: list[Attributes] = []
        for file in files:
            dataset = _read(file)
            reason = _UNREADABLE if dataset is None else self._refused(dataset)
            if dataset is None or reason is not None:
                failed.append(_failure(dataset, reason or _UNREADABLE))
            else:
                stored.append(self._take(dataset, file, request.number))
        outcome: Attributes = {}
        for keyword, items in (("ReferencedSOPSequence", stored), ("FailedSOPSequence", failed)):
            if items:
                put(outcome, keyword, *items)
        status = 409 if failed and not stored else 202 if failed else 200
        about = tuple(text(one, "ReferencedSOPInstanceUID") for one in stored)
        return replace(Reply.json(outcome, status), about=about)

    def _take(self, dataset: Dataset, file: bytes, number: int) -> Attributes:
        evidence = ""
        if self._trial is not None:
            evidence = self._trial.keep("dicom", f"stored {dataset.SOPClassUID.name}", file, "dcm")
        held = Held(dataset, file, number, evidence)
        self._held[held.uid] = held
        item = put(put({}, "ReferencedSOPClassUID", str(dataset.SOPClassUID)), "ReferencedSOPInstanceUID", held.uid)
        return put(item, "RetrieveURL", self._url_of(held))


def _read(file: bytes) -> Dataset | None:
    try:
        found = pydicom.dcmread(BytesIO(file))
        found.to_json_dict(bulk_data_threshold=_BULK, bulk_data_element_handler=lambda _element: "")
    except (InvalidDicomError, OSError, ValueError, TypeError, KeyError, AttributeError, NotImplementedError):
        return None
    needed = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
    return found if all(found.get(keyword) for keyword in needed) else None


def _failure(dataset: Dataset | None, reason: int) -> Attributes:
    item: Attributes = {}
    if dataset is not None:
        put(
            put(item, "ReferencedSOPClassUID", str(dataset.SOPClassUID)),
            "ReferencedSOPInstanceUID",
            str(dataset.SOPInstanceUID),
        )
    return put(item, "FailureReason", reason)


def _multipart(kind: str, bodies: Iterable[tuple[str, bytes]]) -> Reply:
    found = list(bodies)
    pieces = [f"--{_BOUNDARY}\r\nContent-Type: {kind}\r\n\r\n".encode() + body + b"\r\n" for _, body in found]
    content = b"".join([*pieces, f"--{_BOUNDARY}--\r\n".encode()])
    headers = {"content-type": f'multipart/related; type="{kind}"; boundary={_BOUNDARY}'}
    told = "\n".join(uid for uid, _ in found)
    return Reply(200, content, headers, told, tuple(uid for uid, _ in found))


def _number(value: str, default: int) -> int:
    return int(value) if value.isdecimal() else default

"""Results without their source, for readers who compare sources: a label in its place, and the key to it apart.

A label follows from a secret of the reading campaign. So one source has one label in a campaign and another in the
next, and neither labels nor their order tell anything of the sources.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from pydicom import Dataset

from profiles.air.algorithm import AlgorithmIdentification
from profiles.air.context import Equipment, ResultContext
from profiles.air.encoding import encode
from profiles.air.errors import IllegalResult, require
from profiles.air.identifiers import derived_uid
from profiles.air.results import Results
from profiles.air.rewriting import rewritten
from profiles.air.segments import Segment, Segmentation
from profiles.air.traces import traces
from profiles.air.values import Tracking, require_label, require_person
from profiles.dicom import Code

_LABEL_LETTERS = 6
_CODE_LETTERS = 12
_LOCAL = "99"
_SCHEME = "99BLINDED"
_WORDS = "Blinded reading"
_SECRET_BYTES = 32
_COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))
"""Okabe and Ito's colours, which the colour-blind can tell apart; an engine's own would give it away."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who made results: an algorithm, or a person with a tool.

    Attributes:
        algorithm: the algorithm, or the tool.
        observer: the person, VR PN; empty when the algorithm worked alone.
    """

    algorithm: AlgorithmIdentification
    observer: str = ""

    def __post_init__(self) -> None:
        if self.observer:
            require_person(self.observer, "The person observer")

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes it another source: another build of one algorithm is one, and so is another person."""
        made = self.algorithm
        return made.manufacturer, made.name, made.version, made.device_uid, self.observer


@dataclass(frozen=True, slots=True)
class BlindingKey:
    """Which label stands for which source in one reading campaign. Keep it away from the readers.

    Attributes:
        campaign: the name of the campaign.
        secret: from which labels and UIDs follow; fresh when not given.
        sources: by their labels.
    """

    campaign: str
    secret: str = field(default_factory=lambda: secrets.token_hex(_SECRET_BYTES), repr=False)
    sources: Mapping[str, Source] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        require_label(self.campaign, "The name of a reading campaign")
        require(
            bool(re.fullmatch(rf"[0-9a-f]{{{2 * _SECRET_BYTES},}}", self.secret)),
            f"The secret of a reading campaign is not {2 * _SECRET_BYTES} or more hexadecimal digits, and could be "
            "guessed; leave it out to have one made.",
        )

    def label(self, source: Source) -> str:
        """The label of a source, whether or not it takes part yet, e.g. ``Source K7QDA2``."""
        return f"Source {base64.b32encode(self._sealed('source', *source.identity)).decode()[:_LABEL_LETTERS]}"

    def with_source(self, source: Source) -> BlindingKey:
        """The key with one source more.

        Raises:
            IllegalResult: when another source has the same label.
        """
        label = self.label(source)
        require(
            self.sources.get(label, source) == source,
            "Two sources have the same label in this campaign; open a campaign with a new secret.",
        )
        return replace(self, sources={**self.sources, label: source})

    def uid(self, *parts: str) -> str:
        """A UID that follows from the secret and from what it names."""
        return derived_uid("blinded", self._sealed("uid", *parts).hex())

    def local_code(self, found: Code) -> Code:
        """A code in place of one that is local to a site or product, with the same meaning (PS3.16 section 8)."""
        value = base64.b32encode(self._sealed("code", found.scheme, found.value)).decode()[:_CODE_LETTERS]
        return Code(value, _SCHEME, found.meaning)

    def to_json(self) -> str:
        """The key as JSON; store it with mode 0600."""
        sources = {label: asdict(self.sources[label]) for label in sorted(self.sources)}
        return json.dumps({"campaign": self.campaign, "secret": self.secret, "sources": sources}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> BlindingKey:
        """The key that was stored.

        Raises:
            IllegalResult: when the text is no key.
        """
        try:
            stored = json.loads(text)
            sources = {label: _source(row) for label, row in stored["sources"].items()}
            return cls(stored["campaign"], stored["secret"], sources)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise IllegalResult("This is no key of a reading campaign; give the JSON that to_json made.") from error

    def _sealed(self, *parts: str) -> bytes:
        return hmac.digest(self.secret.encode(), json.dumps([self.campaign, *parts]).encode(), hashlib.sha256)


class Blinded(NamedTuple):
    """Results, context and algorithm without their source."""

    label: str
    results: Results
    context: ResultContext
    algorithm: AlgorithmIdentification


def unblind(label: str, key: BlindingKey) -> Source:
    """The source that a label stands for.

    Raises:
        IllegalResult: when the key has no such label.
    """
    require(label in key.sources, f"{label!r} is no label of the campaign {key.campaign!r}; take that campaign's key.")
    return key.sources[label]


def blind(
    results: Results,
    context: ResultContext,
    algorithm: AlgorithmIdentification,
    key: BlindingKey,
    *,
    issued_at: datetime,
) -> Blinded:
    """Results, context and algorithm with nothing in them that tells their source.

    What only some sources say is left out: the priority hint, the parameters, the family, who observed or verified,
    the workitem's code, and earlier reports. Tracking UIDs and local codes are replaced, the same by the same.

    Args:
        results: of the source.
        context: of the source; its observer, if any, is part of the source.
        algorithm: of the source.
        key: the campaign's; it must hold the source already.
        issued_at: the time that the objects bear, one for all sources: the time of the work would tell them apart.

    Raises:
        IllegalResult: when the key does not hold the source.
    """
    source = Source(algorithm, context.observer)
    label = key.label(source)
    require(
        key.sources.get(label) == source,
        f"The source is not part of the campaign {key.campaign!r}; add it with with_source, and store the key first.",
    )
    return Blinded(label, _results(results, key), _context(context, key, label, issued_at), _algorithm(key, label))


def encode_blinded(
    results: Results,
    context: ResultContext,
    algorithm: AlgorithmIdentification,
    key: BlindingKey,
    *,
    issued_at: datetime,
) -> list[Dataset]:
    """The result objects under the source's label; see :func:`blind`.

    Raises:
        IllegalResult: when the results do not fit the images, or words in them name the source all the same.
    """
    blinded = blind(results, context, algorithm, key, issued_at=issued_at)
    made = encode(blinded.results, blinded.context, blinded.algorithm)
    found = [place for one in made for place in traces(one, _telling(context, algorithm))]
    require(
        not found,
        f"The source is still named in {', '.join(dict.fromkeys(found))}; use other words there.",
    )
    return made


def _source(row: dict[str, Any]) -> Source:
    made = row["algorithm"]
    family, parameters = Code(**made["family"]), tuple(made["parameters"])
    return Source(AlgorithmIdentification(**{**made, "family": family, "parameters": parameters}), row["observer"])


def _algorithm(key: BlindingKey, label: str) -> AlgorithmIdentification:
    return AlgorithmIdentification(label, "1", _WORDS, device_uid=key.uid("device", label))


def _context(context: ResultContext, key: BlindingKey, label: str, issued_at: datetime) -> ResultContext:
    return replace(
        context,
        protocol=(Code("READING", _SCHEME, _WORDS),),
        station=Code("BLINDED", "L", _WORDS),
        now=issued_at,
        seed=key.uid("seed", label, context.seed),
        equipment=Equipment(_WORDS, _WORDS, "1", "1"),
        series_number=1001,
        observer="",
        standing=replace(context.standing, verification=None),
        replaces=(),
    )


def _results(results: Results, key: BlindingKey) -> Results:
    def change(part: Any) -> Any:
        if isinstance(part, Tracking) and part.uid:
            return Tracking(part.identifier, key.uid("tracking", part.uid))
        if isinstance(part, Code) and part.scheme.startswith(_LOCAL):
            return key.local_code(part)
        return part

    plain = rewritten(replace(results, priority=None, figures={}), change)
    return replace(plain, segmentations=tuple(_recoloured(plain.segmentations)))


def _recoloured(found: Iterable[Segmentation]) -> Iterator[Segmentation]:
    for one in found:
        segments: list[Segment] = [
            replace(segment, colour=_COLOURS[place % len(_COLOURS)]) for place, segment in enumerate(one.segments)
        ]
        yield replace(one, segments=tuple(segments))


def _telling(context: ResultContext, algorithm: AlgorithmIdentification) -> list[str]:
    """The words that would tell the source."""
    equipment, word = context.equipment, context.standing.verification
    local = [found for found in context.protocol if found.scheme.startswith(_LOCAL)]
    return [
        algorithm.name,
        algorithm.version,
        algorithm.manufacturer,
        algorithm.device_uid,
        algorithm.build,
        equipment.manufacturer,
        equipment.model,
        equipment.software_version,
        equipment.serial_number,
        context.station.value,
        context.station.meaning,
        context.observer,
        *([word.observer, word.organization] if word else []),
        *(word for found in local for word in (found.value, found.meaning)),
    ]

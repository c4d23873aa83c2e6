"""Which patient identifier stands for which, since patients were merged (orders.md 5, rule 5; HL7-048).

Pure but for the file: what is learned is a line of ``merges.jsonl`` beside the instances, which keep the identifier
that they came with; so the index can be made again from both. Links are folded by the time of the merges.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import orjson

from actors.shared.serving import sync_directory
from profiles.dicom import JsonDataset, dicom_datetime, item, items, put, put_items, tag_of, text
from profiles.hl7 import EntityIdentifier, MessageRefused
from profiles.hl7.adt import PatientAction, PatientEvent, has_authority, refused_patient

#: The attributes that a merge changes; nothing else of the patient is touched.
IDENTIFYING = ("PatientID", "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence")
_SYSTEM = "STEPWELL"


@dataclass(frozen=True, slots=True)
class Link:
    """One identifier that disappeared, and the one that stays.

    Attributes:
        prior: the identifier that disappeared.
        stays: the identifier that stays.
        at: when they were merged, ISO 8601.
        learned: when that was learned, ISO 8601.
    """

    prior: EntityIdentifier
    stays: EntityIdentifier
    at: str
    learned: str


class Merges:
    """All that is known of merged patients.

    Args:
        path: the file; made when something is learned.
        authority: namespace of the identifiers of instances that name no issuer; empty when that is not known.

    Raises:
        OSError: when it cannot be read.
    """

    def __init__(self, path: Path, authority: str = "") -> None:
        self._path, self._authority = path, authority
        self._told = _read(path)
        self._links = _folded(self._told)

    def __bool__(self) -> bool:
        return bool(self._told)

    @property
    def priors(self) -> set[str]:
        """The values of all identifiers that disappeared."""
        return {one.prior.value for one in self._told}

    def learn(self, events: Iterable[PatientEvent], at: datetime, now: datetime) -> set[str]:
        """Take merges and changed identifiers, all of them or none; they are on disk when this returns.

        Returns:
            The values of all identifiers of the patients that they speak of.

        Raises:
            MessageRefused: when one would close a circle, or its prior identifier was merged before (HL7-045).
            OSError: when the file cannot be written.
        """
        new: list[Link] = []
        named = [one for one in events if one.action is not PatientAction.UPDATE and one.prior]
        for event in named:
            link = Link(event.prior, event.identifier, at.isoformat(), now.isoformat())
            if self._is_known(link):
                continue
            _require_possible(link, _folded([*self._told, *new]))
            new.append(link)
        if new:
            _append(self._path, new)
            self._told += new
            self._links = _folded(self._told)
        return self._family({one.value for event in named for one in (event.prior, event.identifier)})

    def present(self, header: JsonDataset) -> JsonDataset:
        """A header under the survivor's identifier, with what it was in its Original Attributes Sequence.

        PS3.3 section C.12.1.1.9: one item is added, with the reason COERCE and the time at which the merge was learned.
        The same header comes back when its patient was not merged.
        """
        identifier = identifier_of(header)
        if not has_authority(identifier):
            identifier = replace(identifier, namespace=self._authority)
        link = _next(self._links, identifier)
        if link is None:
            return header
        survivor = _survivor(self._links, identifier)
        found = dict(header)
        put(found, "PatientID", survivor.value)
        if survivor.namespace or survivor.universal_id:
            _put_issuer(found, survivor)
        changed = [tag for tag in map(tag_of, IDENTIFYING) if tag in header and found.get(tag) != header[tag]]
        put_items(
            found,
            "OriginalAttributesSequence",
            *items(header, "OriginalAttributesSequence"),
            _original({tag: header[tag] for tag in changed}, datetime.fromisoformat(link.learned)),
        )
        return dict(sorted(found.items()))

    def _family(self, values: set[str]) -> set[str]:
        """These values and those of all identifiers that are linked with them."""
        found, size = set(values), 0
        while size != len(found):
            size = len(found)
            for one in self._told:
                if found & (pair := {one.prior.value, one.stays.value}):
                    found |= pair
        return found

    def _is_known(self, link: Link) -> bool:
        return any((one.prior, one.stays) == (link.prior, link.stays) for one in self._told)


def identifier_of(header: JsonDataset) -> EntityIdentifier:
    """The patient identifier of an instance, with its issuer as far as it says."""
    qualifiers = item(header, "IssuerOfPatientIDQualifiersSequence")
    return EntityIdentifier(
        text(header, "PatientID"),
        text(header, "IssuerOfPatientID"),
        text(qualifiers, "UniversalEntityID"),
        text(qualifiers, "UniversalEntityIDType"),
    )


def _put_issuer(dataset: JsonDataset, identifier: EntityIdentifier) -> None:
    for keyword in IDENTIFYING[1:]:
        dataset.pop(tag_of(keyword), None)
    if identifier.namespace:
        put(dataset, "IssuerOfPatientID", identifier.namespace)
    if identifier.universal_id:
        qualifiers = put({}, "UniversalEntityID", identifier.universal_id)
        put(qualifiers, "UniversalEntityIDType", identifier.universal_id_type or "ISO")
        put_items(dataset, "IssuerOfPatientIDQualifiersSequence", qualifiers)


def _original(values: JsonDataset, at: datetime) -> JsonDataset:
    made = put_items({}, "ModifiedAttributesSequence", values)
    put(made, "AttributeModificationDateTime", dicom_datetime(at))
    put(made, "ModifyingSystem", _SYSTEM)
    put(made, "SourceOfPreviousValues")
    put(made, "ReasonForTheAttributeModification", "COERCE")
    return dict(sorted(made.items()))


_Links = dict[str, list[Link]]


def _folded(told: Sequence[Link]) -> _Links:
    """By the value of the identifier that disappeared; the first merge of an identifier counts."""
    links: _Links = defaultdict(list)
    for one in sorted(told, key=lambda link: (datetime.fromisoformat(link.at), str(link.prior), str(link.stays))):
        known = links[one.prior.value]
        if all(one.prior != earlier.prior for earlier in known):
            known.append(one)
    return links


def _survivor(links: _Links, identifier: EntityIdentifier) -> EntityIdentifier:
    """The identifier that is valid now; the same when it is in doubt which patient it names."""
    seen = [identifier]
    while (link := _next(links, seen[-1])) and link.stays not in seen:
        seen.append(link.stays)
    return seen[-1]


def _require_possible(link: Link, links: _Links) -> None:
    survivor = _survivor(links, link.stays)
    before = _survivor(links, link.prior)
    words = ""
    if survivor.same_as(link.prior):
        words = "This would close a circle of merges."
    elif before != link.prior and not before.same_as(survivor):
        words = "The prior identifier was merged into another one."
    if words:
        raise MessageRefused([refused_patient("MRG-1", words, "HL7-045")])


def _next(links: _Links, identifier: EntityIdentifier) -> Link | None:
    """The link from an identifier; none when patients of several authorities may be meant: nobody guesses."""
    found = [one for one in links.get(identifier.value, ()) if one.prior.same_as(identifier)]
    others = {str(one.stays) for one in found}
    return found[0] if len(others) == 1 else None


def _read(path: Path) -> list[Link]:
    """What is in the file; a line without its end was never acknowledged and is taken away."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        with path.open("r+b") as stream:
            stream.truncate(len(whole))
            os.fsync(stream.fileno())
    found = map(orjson.loads, whole.splitlines())
    return [
        Link(EntityIdentifier(**one["prior"]), EntityIdentifier(**one["stays"]), one["at"], one["learned"])
        for one in found
    ]


def _append(path: Path, links: Iterable[Link]) -> None:
    with path.open("ab") as stream:
        stream.write(b"".join(orjson.dumps(asdict(one), option=orjson.OPT_APPEND_NEWLINE) for one in links))
        stream.flush()
        os.fsync(stream.fileno())
    sync_directory(path.parent)

"""Search the worklist (PS3.4 CC.2.8, PS3.18 11.9): which workitems match, a page of them, how many more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from profiles.dicom import JsonDataset
from workitems.matching import matcher
from workitems.matching_keys import legal_keys
from workitems.store import Store, searching


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search: the datasets and how many more there are."""

    workitems: list[JsonDataset]
    remaining: int


def search(store: Store, keys: Mapping[str, str], limit: int, offset: int = 0, *, fuzzy: bool = False) -> Page:
    """The workitems that match all keys, in order of creation (C-FIND, RAD-81).

    Args:
        store: where they are kept.
        keys: value by dotted keyword; those that `unsupported_keys` names are ignored (PS3.18 8.3.4.1).
        limit: how many the page holds at most.
        offset: how many matches come before the page.
        fuzzy: person names match by likeness (PS3.18 8.3.4.2).

    Raises:
        BadInput: for a key that is not legal; the message names it and its section.
    """
    wanted = legal_keys(keys)
    test = matcher(wanted, fuzzy=fuzzy)
    with store.reading() as connection:
        return Page(*searching.page(connection, _plan(connection, wanted, fuzzy), test, limit, offset))


def matching(store: Store, keys: Mapping[str, str], *, fuzzy: bool = False) -> Iterator[JsonDataset]:
    """Every workitem that matches all keys, in order of creation; arguments and errors as of `search`.

    The keys are judged at once, the workitems are read as they are taken.
    """
    wanted = legal_keys(keys)
    test = matcher(wanted, fuzzy=fuzzy)

    def read() -> Iterator[JsonDataset]:
        with store.reading() as connection:
            yield from searching.all_matches(connection, _plan(connection, wanted, fuzzy), test)

    return read()


def matching_in(connection: Connection, keys: Mapping[str, str]) -> Iterator[JsonDataset]:
    """As `matching`, as a transaction sees it."""
    wanted = legal_keys(keys)
    return searching.all_matches(connection, _plan(connection, wanted, fuzzy=False), matcher(wanted))


def _plan(connection: Connection, wanted: Mapping[str, str], fuzzy: bool) -> searching.Plan:
    return searching.plan(wanted, sqlite=connection.dialect.name == "sqlite", fuzzy=fuzzy)

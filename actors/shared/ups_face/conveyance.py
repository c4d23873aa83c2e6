"""How peers of different editions convey UIDs and AE titles (ups.md section 15); all accepted here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from urllib.parse import parse_qsl

import orjson

from actors.shared.ups_face.dialects import Dialect
from actors.shared.ups_face.elements import is_uid
from profiles.dicom import JsonDataset, text
from profiles.errors import BadInput, StepwellError
from workitems.subscriptions import ae_title

Pairs = Sequence[tuple[str, str]]
Noted = Callable[[Dialect], None]
_MAXIMUM_PARAMETERS = 256
_UID_CHARACTERS = frozenset("0123456789.")
#: Names of a UID in an address, in lower case, and the dialect that each is; None for the newest edition's.
_CREATE_NAMES = {"workitem": None, "affectedsopinstanceuid": Dialect.CREATE_UID_AFFECTED}
_TRANSACTION_NAMES = {"transaction-uid": None, "transaction": Dialect.TRANSACTION_UID_2014C}


def query_pairs(query: bytes) -> Pairs:
    """The parameters of a query, decoded, in their order; ``+`` is a space.

    Raises:
        BadInput: when it is not percent-encoded UTF-8, or there are too many.
    """
    if not query:
        return ()
    try:
        return parse_qsl(query.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MAXIMUM_PARAMETERS)
    except ValueError as error:
        raise BadInput(
            f"The query cannot be read: it must be percent-encoded UTF-8 of at most {_MAXIMUM_PARAMETERS} parameters "
            "(PS3.18 8.3)."
        ) from error


def created_uid(pairs: Pairs, noted: Noted) -> str | None:
    """The workitem UID in the address of a Create: named, or a bare query (ups.md 5.1).

    Raises:
        BadInput: when it is no UID, or two differ.
    """
    return _uid(pairs, _CREATE_NAMES, Dialect.CREATE_UID_BARE, noted)


def transaction_uid(pairs: Pairs, dataset: JsonDataset, noted: Noted) -> str | None:
    """The Transaction UID of an Update: named, bare, or inside the dataset (ups.md 5.3).

    Raises:
        BadInput: when it is no UID, or two differ.
    """
    if any(name == "transaction-uid" for name, _ in pairs):
        noted(Dialect.TRANSACTION_UID_2019B)
    outside = _uid(pairs, _TRANSACTION_NAMES, Dialect.TRANSACTION_UID_BARE, noted)
    inside = text(dataset, "TransactionUID")
    if inside:
        noted(Dialect.TRANSACTION_UID_IN_DATASET)
    if outside and inside and outside != inside:
        raise BadInput("The Transaction UID in the address and the one in the dataset differ; send one (PS3.18 11.6).")
    return outside or inside or None


def _uid(pairs: Pairs, names: dict[str, Dialect | None], bare: Dialect, noted: Noted) -> str | None:
    found: dict[str, Dialect | None] = {}
    for name, value in pairs:
        if value and name.lower() in names:
            found[value] = names[name.lower()]
        elif not value and name and set(name) <= _UID_CHARACTERS:
            found[name] = bare
    if len(found) > 1:
        raise BadInput("The UIDs in the address differ; send one (PS3.18 11.4, 11.6).")
    for value, dialect in found.items():
        if not is_uid(value):
            raise BadInput("The UID in the address is no UID: digits and periods, at most 64 characters (PS3.5 9.1).")
        if dialect:
            noted(dialect)
        return value
    return None


def workitem_uid(in_path: str) -> str:
    """The UID in the path of a workitem.

    Raises:
        BadInput: when it cannot be one.
    """
    if not is_uid(in_path):
        raise BadInput("The path names no UID: digits and periods, at most 64 characters (PS3.5 9.1).")
    return in_path


def requester(pairs: Pairs, in_path: str, noted: Noted) -> str:
    """AE title of the caller: ``?requester=`` (2026c), or a path suffix of older peers; empty when it is not told.

    Raises:
        BadInput: when it is no AE title, or the two differ.
    """
    named = {value for name, value in pairs if name == "requester" and value}
    if in_path:
        noted(Dialect.REQUESTER_IN_PATH)
        named.add(in_path)
    titles = {ae_title(one) for one in named}
    if len(titles) > 1:
        raise BadInput("The requester is named twice, differently; name it once, as ?requester= (PS3.18 11.7).")
    if not titles:
        noted(Dialect.REQUESTER_MISSING)
    return next(iter(titles), "")


def flag(pairs: Pairs, name: str) -> bool:
    """A parameter that is true or false; false when it is not there.

    Raises:
        BadInput: when it is something else, or there twice.
    """
    value = single(pairs, name) or "false"
    if value.lower() not in ("true", "false"):
        raise BadInput(f"{name} must be true or false (PS3.18 8.3.4, 11.10.1.2).")
    return value.lower() == "true"


def single(pairs: Pairs, name: str) -> str | None:
    """The value of a parameter that may be there once; None when it is not.

    Raises:
        BadInput: when it is there twice.
    """
    values = [value for one, value in pairs if one == name]
    if len(values) > 1:
        raise BadInput(f"The parameter {name} is there twice; send it once (PS3.18 8.3).")
    return values[0] if values else None


def error_body(error: StepwellError) -> bytes:
    """A refusal as JSON: what, by which rule, what to do."""
    findings: Iterable[dict[str, str]] = [
        {"path": one.path, "message": one.message, "rule": one.rule, "remedy": one.remedy} for one in error.findings
    ]
    return orjson.dumps({"error": error.row_key, "message": error.message, "findings": findings})

"""Results as files: how a worker process hands them over (``results.json`` and ``masks.npz`` in one directory).

Every primitive is written as what it is: its class, and its fields. The arrays are written first and the JSON is
renamed into place last: where ``results.json`` is, everything is.
"""

from __future__ import annotations

import dataclasses
import json
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

import profiles.air
from profiles.air import IllegalResult, Results
from profiles.dicom import Code

RESULTS, MASKS, FAILURE, LOG = "results.json", "masks.npz", "failure.json", "engine.log"

_CLASSES: dict[str, type[Any]] = {
    "Code": Code,
    **{
        name: found
        for name in profiles.air.__all__
        if isinstance(found := getattr(profiles.air, name), type)
        and (dataclasses.is_dataclass(found) or issubclass(found, Enum))
    },
}


def write_results(results: Results, directory: Path) -> None:
    """Write results so that they are complete where ``results.json`` is."""
    arrays: dict[str, Any] = {}
    document = _out(results, arrays)
    np.savez_compressed(directory / MASKS, allow_pickle=False, **arrays)
    partial = directory / f"{RESULTS}.partial"
    partial.write_text(json.dumps(document), encoding="utf-8")
    partial.replace(directory / RESULTS)


def read_results(directory: Path) -> Results:
    """Read what :func:`write_results` wrote.

    Raises:
        IllegalResult: when the files are missing, broken, or hold what no result may be.
    """
    try:
        document = json.loads((directory / RESULTS).read_text(encoding="utf-8"))
        with np.load(directory / MASKS, allow_pickle=False) as arrays:
            results = _in(document, arrays)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise IllegalResult(f"The files in which the engine left its results are broken ({error}).") from error
    if not isinstance(results, Results):
        raise IllegalResult("The files in which the engine left its results hold something else.")
    return results


def _out(value: Any, arrays: dict[str, Any]) -> Any:
    """A value as JSON; arrays are set aside under a name."""
    if isinstance(value, Enum):
        return {"is": type(value).__name__, "value": value.value}
    if dataclasses.is_dataclass(value):
        fields = {field.name: _out(getattr(value, field.name), arrays) for field in dataclasses.fields(value)}
        return {"is": type(value).__name__, **fields}
    if isinstance(value, np.ndarray):
        name = f"array_{len(arrays)}"
        arrays[name] = np.packbits(value) if value.dtype == np.bool_ else value
        return {"is": "array", "name": name, "shape": list(value.shape), "bits": value.dtype == np.bool_}
    if isinstance(value, tuple | list):
        return [_out(part, arrays) for part in value]
    return value


def _in(value: Any, arrays: Any) -> Any:
    if isinstance(value, list):
        return tuple(_in(part, arrays) for part in value)
    if not isinstance(value, dict) or "is" not in value:
        return value
    fields = dict(value)
    kind = fields.pop("is")
    if kind == "array":
        stored = arrays[fields["name"]]
        return _unpacked(stored, fields["shape"]) if fields["bits"] else stored
    return _CLASSES[kind](**{name: _in(part, arrays) for name, part in fields.items()})


def _unpacked(packed: Any, shape: list[int]) -> Any:
    count = int(np.prod(shape))
    return np.unpackbits(packed, count=count).astype(np.bool_).reshape(shape)

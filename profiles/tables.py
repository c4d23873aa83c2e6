"""Read the standards' tables, which live as CSV files beside the code that reads them."""

from __future__ import annotations

import csv
import io
from importlib.resources import files


def read_table(package: str, name: str) -> list[dict[str, str]]:
    """The rows of ``<package>/tables/<name>.csv``, each as a dict by column."""
    content = files(package).joinpath(f"tables/{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(content, newline="")))

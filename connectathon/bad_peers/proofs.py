"""Which requirements the bad peers prove: ``python -m connectathon.bad_peers.proofs`` prints the table anew.

A peer proves a row when it makes exactly one case of a suite end otherwise; ``conformance/tables/proved_peers.csv``
keeps the result, because the judge must not read what it judges.
"""

from __future__ import annotations

import csv
import sys
from typing import TextIO

from conformance.harness.registry import catalogue
from connectathon.bad_peers.defects import bad_peers


def proofs() -> list[tuple[str, str, str]]:
    """Case, kind of proof, and name of the peer; in the order of cases."""
    found = []
    for name, peer in bad_peers().items():
        seen: dict[str, set[str]] = {}
        for case in (*peer.fails, *peer.warns):
            row = case.split(".")[0]
            seen.setdefault(catalogue()[row].actor, set()).add(row)
        found += [(row, "peer", name) for rows in seen.values() if len(rows) == 1 for row in rows]
    return sorted(found)


def write(out: TextIO) -> None:
    """Write the table."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("rule", "kind", "defect"))
    writer.writerows(proofs())


if __name__ == "__main__":
    write(sys.stdout)

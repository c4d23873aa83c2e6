"""``python -m connectathon.plain_measures FILE SINCE UNTIL [BY]``: all measures of a file, as JSON."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

from connectathon.plain_measures.answers import MEASURES, Question, answer
from connectathon.plain_measures.reading import micros
from connectathon.plain_measures.table import read


def main() -> None:
    """Compute and print."""
    path, since, until = sys.argv[1:4]
    low, high = (micros(datetime.fromisoformat(one)) for one in (since, until))
    asked = Question(low, high, "".join(sys.argv[4:5]))
    log = read(Path(path))
    sys.stdout.write(json.dumps({measure: answer(log, measure, asked) for measure in MEASURES}, indent=2) + "\n")


if __name__ == "__main__":
    main()

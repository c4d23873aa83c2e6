"""The examples of ``docs/comparing.md``."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from profiles.air import AlgorithmIdentification, ResultContext, Results

PAGE = Path(__file__).parents[2] / "docs" / "comparing.md"


def test_the_examples_of_the_page_do_what_it_says(
    make_context: Callable[..., ResultContext],
    algorithm: AlgorithmIdentification,
    results: Results,
    capsys: pytest.CaptureFixture[str],
) -> None:
    over_time, blinded = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (printed,) = re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
    given: dict[str, Any] = {}
    exec(compile(over_time, str(PAGE), "exec"), given)  # noqa: S102 - the documentation's own code
    assert capsys.readouterr().out == printed

    given |= {"results": results, "context": make_context(), "algorithm": algorithm}
    exec(compile(blinded, str(PAGE), "exec"), given)  # noqa: S102 - the documentation's own code
    assert [str(made.Modality) for made in given["objects"]] == ["SEG", "SR"]

"""What the pages say is so: commands, configurations, rules, figures and tables are held against the code."""

import re
import tomllib
from pathlib import Path

import pytest
import typer

from actors.task_requester.rules import load_rules
from ai_engines import engine, engines
from profiles.hl7.dialect_file import load_dialects
from profiles.tables import read_table
from stepwell.cli import app
from stepwell.settings import validate

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LARGEST_PICTURE = 300_000


def name(path):
    return str(path.relative_to(ROOT))


def blocks(path, language):
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def toml_blocks():
    return [
        pytest.param(block, id=f"{name(path)}-{n}") for path in PAGES for n, block in enumerate(blocks(path, "toml"))
    ]


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_stepwell_command_on_the_page_exists(path):
    known = typer.main.get_command(app).commands
    text = path.read_text()
    for words in re.findall(r"(?:^|`|bin/)stepwell ([a-z]+)(?: ([a-z0-9][a-z0-9-]*))?", text, re.MULTILINE):
        assert words[0] in known, words
        if (group := getattr(known[words[0]], "commands", None)) and words[1]:
            assert words[1] in group, words


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_file_that_the_page_names_is_there(path):
    text = path.read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (path.parent / target).exists(), target
    named = re.findall(r"`((?:profiles|actors|ai_engines|tests|scripts|docs|stepwell)/[\w/.-]+\.\w+)`", text)
    for target in named:
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("block", toml_blocks())
def test_every_configuration_and_rule_file_on_a_page_is_accepted(block, tmp_path):
    if "[[rule]]" in block:
        (tmp_path / "rules.toml").write_text(block)
        assert load_rules(tmp_path / "rules.toml")
    elif "[[dialect]]" in block:
        (tmp_path / "dialects.toml").write_text(block)
        assert load_dialects(tmp_path / "dialects.toml")
    else:
        validate(tomllib.loads(block))


def test_pictures_are_small():
    pictures = list((ROOT / "docs" / "pictures").iterdir())
    assert pictures
    for picture in pictures:
        assert picture.stat().st_size <= LARGEST_PICTURE, picture


def table_rows(path, columns):
    """The rows of the page's tables that have so many columns, without back quotes."""
    rows = [line.strip("|").split("|") for line in path.read_text().splitlines() if line.startswith("|")]
    return [[cell.strip().replace("`", "") for cell in row] for row in rows if len(row) == columns]


def test_the_log_page_names_the_steps_with_their_codes():
    steps = {row["key"]: row["codes"].split("|") for row in read_table("profiles.sole", "steps")}
    shown = {row[0]: row[1].split(", ") for row in table_rows(ROOT / "docs" / "log.md", 4)[2:]}
    assert len(shown) == 27
    assert {key: steps.get(key) for key in shown} == shown


def test_the_figures_on_the_engines_page_are_those_of_the_descriptions():
    shown = {(row[0], row[2]) for row in table_rows(ROOT / "docs" / "engines.md", 3) if row[0] in ENGINES}
    stated = {(about, f"{figure.value:.3f}") for about in ENGINES for figure in engine(about).describe().validation}
    assert shown == stated
    text = (ROOT / "docs" / "engines.md").read_text()
    for about in (one.describe() for one in engines()):
        assert f"`{about.name}` {about.version}" in text
        assert all(f"`{code.value}`, scheme `{code.scheme}`" in text for code in about.workitem_codes)


ENGINES = ("brain-extraction", "head-mask")


def test_the_rules_page_names_every_field_and_every_key():
    text = (ROOT / "docs" / "rules.md").read_text()
    for row in read_table("actors.task_requester", "context"):
        assert f"`{row['field']}`" in text, row["field"]

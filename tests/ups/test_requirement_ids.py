"""``requirements.csv``: every rule of the standard that we hold has one id, and an id has one rule."""

import re
from collections import Counter

from profiles.errors import error_rows
from profiles.tables import read_table
from profiles.ups import requirements

MOMENTS = {
    "ncreate": "N-CREATE",
    "nset": "N-SET",
    "final_state": "final state",
    "nget": "N-GET",
    "cfind_match": "C-FIND matching",
    "cfind_return": "C-FIND return",
}


def test_ids_are_unique_and_well_formed():
    ids = [row["id"] for row in read_table("profiles.ups", "requirements")]
    assert not [one for one, count in Counter(ids).items() if count > 1]
    assert all(re.fullmatch(r"UPS-\d{3,4}", one) for one in ids)


def test_every_row_cites_section_and_edition():
    assert all(one.section and one.edition.startswith("PS3.") for one in requirements().values())


def test_every_cell_of_the_transition_table_has_its_row():
    cells = read_table("profiles.ups", "transitions")
    assert len(cells) == 17 * 5
    for cell in cells:
        row = requirements()[cell["id"]]
        assert row.kind == "transition"
        assert row.subject == f"{cell['request']} {cell['transaction_uid']} {cell['state']}"
        assert row.rule.split(";")[0] == cell["outcome"]


def test_every_requirement_of_an_attribute_at_a_moment_has_its_row():
    wanted = {
        (f"{row['module']}/{row['path']}", moment): row[column]
        for row in read_table("profiles.ups", "ups_attributes")
        for column, moment in MOMENTS.items()
        if row[column] not in ("", "-")
    }
    held = {(one.subject, one.moment): one.rule for one in requirements().values() if one.kind == "attribute"}
    assert held == wanted


def test_every_warning_that_we_send_is_one_that_the_standard_words():
    worded = {one.rule for one in requirements().values() if one.kind == "warning"}
    sent = {row.warning for row in error_rows().values() if row.warning}
    assert sent <= worded


def test_events_and_subscriptions_have_rows():
    kinds = Counter(one.kind for one in requirements().values())
    assert kinds["event-trigger"] == 13
    assert kinds["subscription"] == 3 + 7 * 4 + 10

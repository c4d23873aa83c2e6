"""The table of what proves the AIR rules is what the tests run, and hardly a rule has no proof."""

import csv
import io
import sys

import pytest

from conformance.rules import read_rules
from profiles.tables import read_table
from tests.conformance import (
    test_files_and_folders,
    test_group_rules,
    test_header_rules,
    test_key_object_rules,
    test_map_rules,
    test_number_rules,
    test_region_rules,
    test_report_rules,
    test_segmentation_rules,
    test_set_rules,
    test_tree_rules,
)

MODULES = (
    test_header_rules,
    test_report_rules,
    test_tree_rules,
    test_group_rules,
    test_number_rules,
    test_region_rules,
    test_segmentation_rules,
    test_map_rules,
    test_key_object_rules,
    test_set_rules,
)
CASES = [case for module in MODULES for case in module.DEFECTS.cases]


def proofs():
    """Each mutation that breaks exactly one rule; those of files are run in their own module."""
    of_files = [("AIR-001", name.replace(" ", "_")) for name, _ in test_files_and_folders.BROKEN]
    return sorted({*of_files, *((case.rule, case.defect.__name__) for case in CASES if not case.also)})


def as_table(rows):
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["rule", "kind", "defect"])
    writer.writerows([rule, "mutation", defect] for rule, defect in rows)
    return buffer.getvalue()


def test_the_table_of_proofs_is_what_the_tests_run():
    """Write it again with ``python -m tests.conformance.test_proved_air > conformance/tables/proved_air.csv``."""
    listed = [(row["rule"], row["defect"]) for row in read_table("conformance", "proved_air")]
    assert listed == proofs()


def test_every_rule_is_proved_by_a_mutation_that_breaks_it_alone():
    assert {rule for rule, _ in proofs()} == set(read_rules("air_rules"))


def test_no_two_mutations_of_a_rule_have_one_name():
    assert len(proofs()) == len({*proofs()})
    pairs = [(case.rule, case.defect.__name__) for case in CASES]
    assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_module_of_defects_runs_them(module):
    (mark,) = module.test_one_defect_breaks_its_rule_and_no_other.pytestmark
    assert [value.values[0] for value in mark.args[1]] == module.DEFECTS.cases


if __name__ == "__main__":
    sys.stdout.write(as_table(proofs()))

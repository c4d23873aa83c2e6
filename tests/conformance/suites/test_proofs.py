"""The tables that say which requirements are proved are true."""

from conformance.coverage import FAMILIES, coverage, internal, rows, uncovered
from conformance.harness.registry import catalogue, suites
from connectathon.bad_peers import bad_peers
from connectathon.bad_peers.proofs import proofs
from profiles.tables import read_table


def test_the_table_of_bad_peers_is_what_they_say_of_themselves():
    told = [(row["rule"], row["kind"], row["defect"]) for row in read_table("conformance", "proved_peers")]
    assert told == proofs(), "python -m connectathon.bad_peers.proofs > conformance/tables/proved_peers.csv"


def test_bad_peers_name_cases_that_exist():
    cases = {case.id for suite in suites().values() for case in suite.cases}
    named = {case for peer in bad_peers().values() for case in (*peer.fails, *peer.warns)}
    assert named - cases == set()
    assert all(peer.fails or peer.warns for peer in bad_peers().values())


def test_every_requirement_is_counted_once_and_in_one_family():
    assert len({row.id for row in rows()}) == len(rows())
    assert {row.family for row in rows()} <= {*FAMILIES, "SEC"}
    assert {row.kind for row in rows()} <= {"object", "wire", "internal"}
    assert set(uncovered()).isdisjoint(internal())
    assert all(0 <= share <= 1 for share in coverage().values())


def test_cases_are_of_the_actor_that_their_row_names():
    for suite in suites().values():
        for case in suite.cases:
            assert catalogue()[case.requirement.id].actor == suite.actor

"""Conformance statements say what runs, and claim only what the harness has verified."""

import re
import tomllib
from datetime import date
from importlib.resources import files

import pytest
from pynetdicom import AE

from actors.image_manager.routes import create_app
from actors.image_manager.service import ImageManager
from actors.shared.refusals import RefusalLog
from conformance.harness import Verdict
from conformance.harness.registry import suites
from conformance.statements import Product, dicom_statement, ihe_statement
from conformance.statements.rendering import FORMULA, uid_of
from connectathon.bad_peers.running import running
from connectathon.waiting import free_port
from profiles.tables import read_table
from stepwell.actors import ACTORS
from stepwell.statements import declared, declared_actors

PRODUCT = Product(vendor="A vendor", name="Stepwell", version="1.2.3", published=date(2026, 1, 2))


def all_passed():
    return {case.id: Verdict.PASS for suite in suites().values() for case in suite.cases}


@pytest.mark.parametrize("actor", sorted(ACTORS))
def test_every_actor_declares_itself(actor):
    told = declared(actor)
    assert told.title
    assert told.purpose
    assert any(one.name.endswith("port") for one in told.settings)


def test_the_ihe_statement_has_the_prescribed_sentence_and_the_claims_that_passed():
    text = ihe_statement(PRODUCT, declared_actors(), all_passed())
    assert FORMULA in text
    assert "| A vendor | Stepwell | 1.2.3 | 2026-01-02 |" in text
    for claim in (claim for actor in declared_actors() for claim in actor.claims):
        if all(name in suites() for name in claim.suites):
            assert f"| {claim.profile} | {claim.actor} | {', '.join(claim.options) or 'None'} |" in text


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.SKIP, Verdict.INCONCLUSIVE, Verdict.ERROR, None])
def test_a_claim_is_withheld_when_a_required_test_has_not_passed(verdict):
    verdicts = all_passed()
    del verdicts["AIR-EC-003"]
    if verdict:
        verdicts["AIR-EC-003"] = verdict
    text = ihe_statement(PRODUCT, declared_actors(), verdicts)
    assert "| AI Results (AIR) | Evidence Creator |" not in text
    assert re.search(r"Not claimed.*- AI Results \(AIR\), Evidence Creator: ", text, re.DOTALL)


def test_the_dicom_statement_has_the_chapters_of_the_template_in_order():
    text = dicom_statement(PRODUCT, declared_actors(), read_table("profiles.errors", "errors"))
    chapters = [text.index(f"## N.{number} ") for number in (1, 3, 4, 5, 6, 7, 8, 9)]
    assert chapters == sorted(chapters)
    for row in read_table("profiles.errors", "errors"):
        assert f"| {row['key']} |" in text


def test_the_image_manager_declares_the_resources_that_it_serves(tmp_path):
    manager = ImageManager(tmp_path)
    try:
        app = create_app(manager, RefusalLog())
        served = {
            (method.upper(), path.removeprefix("/dicom-web"))
            for path, methods in app.openapi()["paths"].items()
            for method in methods
            if path.startswith("/dicom-web")
        }
    finally:
        manager.close()
    told = {
        ("POST" if web.transaction.startswith("Store") else "GET", resource)
        for web in declared("image_manager").web
        for resource in web.resources
    }
    assert told == served


def test_the_task_requester_declares_every_message_that_it_acts_upon_and_no_other():
    told = {
        re.sub(r" .*", "", message)
        for service in declared("task_requester").hl7
        if service.role == "receiver"
        for message in service.messages
    }
    known = read_table("profiles.hl7", "messages")
    acted_upon = {f"{row['type']}^{row['event']}" for row in known if row["handling"] != "unused"}
    assert told == acted_upon - {"SIU^S15"}
    text = ihe_statement(PRODUCT, declared_actors(), all_passed())
    assert "| Task Requester | RAD-12, ITI-30 | receiver | ADT^A01, " in text


def test_what_the_task_requester_declares_for_dimse_is_accepted_where_it_listens(tmp_path):
    dimse = free_port()
    with running("task_requester", tmp_path / "data", mllp_port=free_port(), triggers={"dimse_port": dimse}):
        for service in declared("task_requester").dimse:
            entity = AE()
            for name in service.classes:
                for syntax in service.transfer_syntaxes:
                    entity.add_requested_context(uid_of(name), uid_of(syntax))
            association = entity.associate("127.0.0.1", dimse, ae_title="STEPWELL_TR")
            accepted = {(one.abstract_syntax, one.transfer_syntax[0]) for one in association.accepted_contexts}
            association.release()
            assert accepted == {
                (uid_of(name), uid_of(one)) for name in service.classes for one in service.transfer_syntaxes
            }


@pytest.mark.parametrize("actor", ["image_manager", "task_manager"])
def test_what_is_declared_for_dimse_is_accepted(actor, tmp_path):
    dimse = free_port()
    with running(actor, tmp_path / "data", port=free_port(), dimse_port=dimse):
        for service in declared(actor).dimse:
            entity = AE()
            for name in service.classes:
                for syntax in service.transfer_syntaxes:
                    entity.add_requested_context(uid_of(name), uid_of(syntax))
            association = entity.associate("127.0.0.1", dimse)
            accepted = {(one.abstract_syntax, one.transfer_syntax[0]) for one in association.accepted_contexts}
            association.release()
            entity.shutdown()
            wanted = {(uid_of(name), uid_of(one)) for name in service.classes for one in service.transfer_syntaxes}
            assert accepted == wanted


def test_declarations_are_files_beside_the_code():
    for actor in ACTORS:
        assert tomllib.loads(files(f"actors.{actor}").joinpath("declares.toml").read_text())["title"]

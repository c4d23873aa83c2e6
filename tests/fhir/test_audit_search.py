"""ITI-81: what the parameters of a search for AuditEvents mean."""

import json
from pathlib import Path

import pytest

from profiles.errors import BadInput, NotAcceptable
from profiles.fhir.audit_search import GREATEST_PAGE, parse_audit_query, search_rows

DATE = ("date", "ge2026-01-01")
EVENT = json.loads(Path(__file__).with_name("golden").joinpath("everything.json").read_text("utf-8"))
DOCUMENT = Path(__file__).with_name("golden").joinpath("everything.xml").read_bytes()
DCM = "http://dicom.nema.org/resources/ontology/DCM"


@pytest.mark.requirement("SOLE-062")
def test_a_search_without_date_is_refused_with_an_example():
    with pytest.raises(BadInput, match="date=ge"):
        parse_audit_query([("subtype", "SOLE115")])


@pytest.mark.requirement("SOLE-062", "SOLE-063")
@pytest.mark.parametrize(
    ("name", "value", "matches"),
    [
        ("subtype", "SOLE115", True),
        ("subtype", "urn:ihe:rad|SOLE115", True),
        ("subtype", "http://radlex.org/RID/|RID45924", True),
        ("subtype", "RadLex|RID45924", True),
        ("subtype", "http://radlex.org|SOLE115", False),
        ("subtype", "urn:ihe:rad|", True),
        ("subtype", "SOLE11", False),
        ("subtype", "sole115", False),
        ("subtype", "SOLE114,SOLE115", True),
        ("subtype", "R 7", True),
        ("type", "IHE-RAD|SOLE", True),
        ("type", f"{DCM}|110100", False),
        ("outcome", "4", True),
        ("outcome", "0,8", False),
        ("action", "E", True),
        ("address", "RIS.example", True),
        ("address:exact", "RIS.example.org", False),
        ("address:contains", "example", True),
        ("agent", "E40817", True),
        ("agent.identifier", "pid-2231", True),
        ("agent:identifier", "pid-2231", True),
        ("agent-name", "READER", True),
        ("agent-name", "one", False),
        ("agent-role", f"{DCM}|121097", True),
        ("agent-role", "121098", True),
        ("altid", "NPI-7", True),
        ("altid", "AETITLES=RISREPORT", True),
        ("patient", "MRN00042", True),
        ("patient.identifier", "urn:oid:2.999.1.2|MRN00042", True),
        ("patient.identifier", "urn:oid:2.999.1.3|MRN00042", False),
        ("patient:identifier", "MRN00042^^^&2.999.1.2&ISO", True),
        ("patient", "2.999.7.31.4", False),
        ("entity", "2.999.7.31.4", True),
        ("entity.identifier", "2.999.7.31", False),
        ("entity-name", "Stu", True),
        ("entity-role", "24", True),
        ("entity-type", "http://terminology.hl7.org/CodeSystem/audit-entity-type|1", True),
        ("source", "ris@ris.example.org", True),
        ("site", "Klinik Süd", True),
        ("policy", "urn:x", False),
        ("agent", "a\\,b,E40817", True),
        ("agent", "E40817\\,pid-2231", False),
    ],
)
def test_each_parameter_is_compared_where_the_table_says(name, value, matches):
    query = parse_audit_query([DATE, (name, value)])
    assert query.matches(EVENT) is matches
    assert query.may_match(DOCUMENT) or not matches


def test_the_digest_names_no_parameter_that_there_is_not():
    named = "address agent patient.identifier entity entity-type entity-role source type subtype outcome altid"
    further = "entity.identifier action agent-name agent-role entity-name patient policy site"
    assert {*named.split(), *further.split()} <= search_rows().keys()


def test_a_repeated_parameter_means_and():
    both = parse_audit_query([DATE, ("subtype", "SOLE115"), ("subtype", "AIX122")])
    assert both.matches(EVENT)
    assert not parse_audit_query([DATE, ("subtype", "SOLE115"), ("subtype", "SOLE112")]).matches(EVENT)


def test_a_message_is_not_read_when_it_cannot_match():
    assert not parse_audit_query([DATE, ("subtype", "SOLE112")]).may_match(DOCUMENT)
    assert parse_audit_query([DATE, ("subtype", "SOLE112")]).may_match(b"<x y='SOLE11&#50;'/>")
    assert parse_audit_query([DATE, ("entity-name", "anything")]).may_match(DOCUMENT)


def test_pages_are_counted_and_ordered_as_asked():
    asked = parse_audit_query([DATE, ("_count", "20"), ("_sort", "-date"), ("_after", "17.4"), ("_format", "json")])
    assert (asked.count, asked.newest_first, asked.after) == (20, True, (17, 4))
    plain = parse_audit_query([DATE, ("date", "lt2026-02-01"), ("_count", "99999999999")])
    assert (plain.count, plain.newest_first, plain.after) == (GREATEST_PAGE, False, None)
    assert [bound.prefix for bound in plain.dates] == ["ge", "lt"]


@pytest.mark.requirement("SOLE-062")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("date", "yesterday"),
        ("date", "sa2026-01-01"),
        ("date", "ap2026-01-01"),
        ("colour", "red"),
        ("subtype:not", "SOLE115"),
        ("address:missing", "true"),
        ("subtype", ""),
        ("subtype", ","),
        ("_count", "-1"),
        ("_count", "many"),
        ("_sort", "patient"),
        ("_after", "here"),
        ("_after", "1.2.3"),
    ],
)
def test_what_cannot_be_searched_for_is_refused(name, value):
    with pytest.raises(BadInput):
        parse_audit_query([DATE, (name, value)])


def test_a_control_is_given_once():
    with pytest.raises(BadInput, match="twice"):
        parse_audit_query([DATE, ("_count", "1"), ("_count", "2")])


def test_a_format_that_there_is_not_is_not_acceptable():
    with pytest.raises(NotAcceptable):
        parse_audit_query([DATE, ("_format", "xml")])

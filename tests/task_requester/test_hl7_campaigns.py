"""The campaigns about HL7 messages, small: one receiver for all of them."""

import pytest

from connectathon.campaigns import hl7_burst, hl7_fuzz, hl7_load
from connectathon.campaigns.order_receiver import receiver

SEED = 20261125


@pytest.fixture(scope="module")
def taking(tmp_path_factory):
    with receiver(tmp_path_factory.mktemp("receiver")) as running:
        yield running


@pytest.mark.requirement("HL7-011", "HL7-029")
def test_a_burst_of_orders_is_taken_without_loss(taking):
    outcome = hl7_burst.burst(taking, 64, SEED, print)
    assert outcome.findings == ()


@pytest.mark.requirement("HL7-009", "HL7-012", "HL7-075")
def test_broken_messages_are_each_answered_once(taking):
    outcome = hl7_fuzz.fuzz(taking, 200, SEED, print)
    assert outcome.findings == ()
    assert "otherwise" not in outcome.counts


@pytest.mark.requirement("HL7-074")
def test_a_steady_feed_is_taken(taking):
    """Small, and on a machine that does other things: how long answers take is judged by the campaign."""
    outcome = hl7_load.steady(taking, 50, SEED, print)
    assert [finding for finding in outcome.findings if "AA" in finding] == []

"""Tests of systems that receive HL7 orders and make workitems of them (RAD-4, RAD-13; connectathon.md 6.9)."""

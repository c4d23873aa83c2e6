"""Tests of an Event Consumer (SOLE): it asks the harness, which stands in for the repository."""

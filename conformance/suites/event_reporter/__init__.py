"""Tests of an Event Reporter (SOLE): it sends what it reports to the harness, which stands in for the repository."""

"""The partners are tried by trials of the harness's own tests."""

from tests.conformance.harness.conftest import judged

__all__ = ["judged"]

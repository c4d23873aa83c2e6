"""Alembic's migrations of the workitem store; :mod:`workitems.schema` runs them."""

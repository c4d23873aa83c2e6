"""Facts in memory, and on each database that they run on."""

import itertools

import pytest
import sqlalchemy

from tests.sole_logging.measures.log_scene import Facts, memory

_numbers = itertools.count(1)


@pytest.fixture
def facts():
    with memory() as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def facts_on_both(request, tmp_path):
    """Facts on each database."""
    url = f"sqlite:///{tmp_path / 'facts.sqlite'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    engine = sqlalchemy.create_engine(url)
    yield Facts(engine)
    engine.dispose()

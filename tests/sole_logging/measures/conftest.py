"""Facts in memory, and on each database that they run on."""

import itertools

import pytest
import sqlalchemy

from connectathon.peers.postgres import postgres
from tests.sole_logging.measures.log_scene import Facts, memory

_numbers = itertools.count(1)


@pytest.fixture
def facts():
    with memory() as made:
        yield made


@pytest.fixture(scope="session")
def facts_postgres():
    with postgres(durable=False) as url:
        engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
        yield engine
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def facts_on_both(request, tmp_path):
    """Facts on each database."""
    url = f"sqlite:///{tmp_path / 'facts.sqlite'}"
    if request.param == "postgresql":
        server = request.getfixturevalue("facts_postgres")
        name = f"facts_{next(_numbers)}"
        with server.connect() as connection:
            connection.execute(sqlalchemy.text(f"CREATE SCHEMA {name}"))
        url = server.url.update_query_dict({"options": f"-csearch_path={name}"})
    engine = sqlalchemy.create_engine(url)
    yield Facts(engine)
    engine.dispose()

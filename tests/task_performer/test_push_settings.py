"""What a site may write for a performer that is pushed to (AIW-I 50.1.1.3: at least one workflow model)."""

import pytest

from actors.task_performer.settings import Settings

pytestmark = pytest.mark.requirement("AIWI-TM-086")


@pytest.mark.parametrize(
    ("settings", "endpoints"),
    [
        ({"task_manager_url": "http://tm/ups-rs"}, {"task_manager": "http://tm/ups-rs"}),
        ({"task_manager_url": "", "port": 8090}, {"ups_rs": "http://127.0.0.1:8090/ups-rs"}),
        (
            {"task_manager_url": "http://tm/ups-rs", "port": 8090, "host": "::1"},
            {"task_manager": "http://tm/ups-rs", "ups_rs": "http://[::1]:8090/ups-rs"},
        ),
    ],
)
def test_a_performer_works_for_a_task_manager_for_its_own_worklist_or_for_both(settings, endpoints):
    assert Settings.model_validate(settings).endpoints == endpoints


def test_a_performer_without_any_worklist_is_refused():
    with pytest.raises(ValueError, match="no worklist"):
        Settings.model_validate({"task_manager_url": ""})

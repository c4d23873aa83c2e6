"""Named steps of the Image Manager: logged when reached, and survived when killed there."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """What happens to instances between their arrival and the answer to the sender."""

    RECEIVED = "image_manager.received"
    INTENDED = "image_manager.intended"
    FILED = "image_manager.filed"
    INDEXED = "image_manager.indexed"
    REPORTED = "image_manager.reported"

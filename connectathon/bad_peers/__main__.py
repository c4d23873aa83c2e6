"""``python -m connectathon.bad_peers NAME ACTOR DATA_DIR SETTINGS [COMMON]``: run one actor with one defect.

NAME ``good`` runs it as it is. SETTINGS is the actor's table of the configuration, as JSON; COMMON the ``[stepwell]``
table without ``data_dir``.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

from actors.shared.logs import configure_logging
from actors.shared.settings import CommonSettings
from connectathon.bad_peers import bad_peers
from profiles.errors import StepwellError


def main() -> None:
    """Spoil, and run until SIGTERM."""
    name, actor, data_dir, settings, told = [*sys.argv[1:6], "{}"][:5]
    common = CommonSettings.model_validate({**json.loads(told), "data_dir": Path(data_dir)})
    configure_logging(actor, common.log_level)
    if name != "good":
        bad_peers(actor)[name].spoil()
    kind = import_module(f"actors.{actor}.settings").Settings
    try:
        import_module(f"actors.{actor}.main").run(kind.model_validate(json.loads(settings)), common)
    except StepwellError as error:
        sys.exit(error.message)


if __name__ == "__main__":
    main()

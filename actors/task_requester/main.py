"""Run the Task Requester as a process of its own."""

from __future__ import annotations

from actors.shared.dicomweb import Archive
from actors.shared.refusals import RefusalLog
from actors.shared.reporting import reporter_for
from actors.shared.serving import announce_ready, require_free_port, stop_signals
from actors.shared.settings import CommonSettings
from actors.shared.ups_client import UpsClient
from actors.task_requester.mllp import mllp_server
from actors.task_requester.publishing import log_modified
from actors.task_requester.results_back.running import results_going_back
from actors.task_requester.rules import load_rules
from actors.task_requester.service import TaskRequester
from actors.task_requester.settings import Settings
from actors.task_requester.triggers.running import triggers_running

ACTOR = "task_requester"


def run(settings: Settings, common: CommonSettings) -> None:
    """Take orders until SIGTERM.

    Raises:
        BadInput: with every fault of the rule file.
        Unavailable: when the port is taken or the data directory cannot be written.
    """
    rules = load_rules(settings.rules)
    require_free_port(ACTOR, settings.host, settings.mllp_port)
    reporter = reporter_for(ACTOR, common, settings)
    refusals = RefusalLog(reporter)
    with (
        stop_signals() as stopped,
        Archive(settings.archive_url) as archive,
        UpsClient(settings.task_manager_url, ae_title=settings.ae_title, modified=log_modified) as worklist,
    ):
        requester = TaskRequester(
            settings,
            common.data_dir / ACTOR,
            rules=rules,
            archive=archive,
            worklist=worklist,
            reporter=reporter,
            refusals=refusals,
        )
        directory = common.data_dir / ACTOR
        with (
            results_going_back(
                settings.results, requester.ledger.database, worklist=worklist, archive=archive, reporter=reporter
            ),
            triggers_running(
                requester.ledger,
                settings,
                directory,
                rules=rules,
                archive=archive,
                worklist=worklist,
                refusals=refusals,
            ) as triggers,
        ):
            reporter.start()
            requester.start()
            server = mllp_server(requester, settings)
            server.start()
            mllp = f"{settings.host}:{settings.mllp_port}"
            announce_ready(ACTOR, common.data_dir, {"mllp": mllp, **triggers})
            stopped.wait()
            server.stop()
        requester.close()
        reporter.close()

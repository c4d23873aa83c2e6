"""The general contractor over both stores (AIW-I 50.4.1.6, 50.4.2.3 and 6; aiw-i.md 6.3, 6.4, 6.6, 7; ups.md 13)."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st

from connectathon.workitems import ANALYSIS, new_workitem, performed
from profiles.dicom import (
    Code,
    get,
    get_code,
    item,
    items,
    new_uid,
    put,
    put_codes,
    put_items,
    remove,
    text,
)
from profiles.errors import BadInput, Conflict, Unavailable
from profiles.ups.parameters import want_version, wanted_version
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION
from workitems.contracts import Contractor, Moment, OwnPlace, Plans
from workitems.leasing import release_expired
from workitems.model import Channel, Contract, EventKind, Standing
from workitems.pipelines import COPY, PUSH, Inputs, OnFailure, Pipeline, Step
from workitems.policy import Assignment, Lease, Policy
from workitems.schema import upgrade
from workitems.sharing import sooner
from workitems.store import Store, sqlite_url
from workitems.subtasks import child_content, child_uid
from workitems.worklist import Worklist

pytestmark = pytest.mark.requirement("AIWI-TM-086")

MANAGER, AWAY = "STEPWELL_TM", "http://performer.invalid/ups-rs"
PROGRESS, PERFORMED = "ProcedureStepProgressInformationSequence", "UnifiedProcedureStepPerformedProcedureSequence"
WHOLE = Code("VERIFIED", "99TEST", "Verified segmentation")
INFERENCE, VERIFICATION = Code("INFER", "99TEST", "Inference"), Code("VERIFY", "99TEST", "Verification")
CACHE = "http://cache.invalid/dicom-web/studies"
VERIFIED = Pipeline(
    (
        Step("inference", INFERENCE, "Inference", output_destination=CACHE),
        Step("verification", VERIFICATION, "Verification", after=("inference",), inputs=Inputs.OUTPUTS),
    ),
    WHOLE,
)


def now():
    return datetime.now(UTC)


class Crash(BaseException):
    """What a killed process does not survive."""


class Faulty(OwnPlace):
    """A performer's worklist that may be away or refuse."""

    away = refuses = False

    def create(self, content, uid):
        if self.refuses:
            raise BadInput("We do not take this.")
        super().create(content, uid)

    def retrieve(self, uid):
        if self.away:
            raise Unavailable("There is nobody.")
        return super().retrieve(uid)


class Site:
    """A Task Manager's worklist, the worklist of a performer that is pushed to, and what happens at both."""

    def __init__(self, store, folder, plans=None, policy=None):
        self.store, self.policy = store, policy
        self.worklist = Worklist(store, now, ae_title=MANAGER, policy=policy)
        self.performers_store = Store(sqlite_url(folder / "performer.sqlite"))
        self.performer = Worklist(self.performers_store, now, ae_title="AI_ONE")
        self.place = Faulty(self.performer)
        self.plans = plans or Plans(pushed={"AI_ONE": AWAY})
        self.crash_at = None
        self.moments = []
        self.contractor = Contractor(self.worklist, store, self.plans, self.place_at, now, self.reached)

    def place_at(self, base):
        return self.place if base else OwnPlace(self.worklist)

    def reached(self, moment, uid):
        self.moments.append(moment)
        if moment is self.crash_at:
            self.crash_at = None
            raise Crash

    def create(self, *, station="AI_ONE", code=None, ready="READY"):
        content = put(new_workitem(now=now()), "InputReadinessState", ready)
        if station:
            put_codes(content, "ScheduledStationNameCodeSequence", Code(station, "L", station))
        if code:
            put_codes(content, "ScheduledWorkitemCodeSequence", code)
        return self.worklist.create(content).uid

    def engaged(self, **content):
        uid = self.create(**content)
        assert self.contractor.engage(uid)
        self.contractor.advance(uid)
        return uid

    def insist(self, uid):
        """Engage and advance until no crash is in the way."""
        while True:
            try:
                self.contractor.engage(uid)
                self.contractor.advance(uid)
            except Crash:
                continue
            return

    def state(self, uid):
        return text(self.worklist.retrieve(uid), "ProcedureStepState")

    def child(self, uid, step=COPY, attempt=1):
        return child_uid(uid, step, attempt)

    def kinds(self, uid):
        return [event.kind for event in self.store.events_after(0, 1000) if event.workitem_uid == uid]

    def reason(self, uid):
        found = get_code(item(self.worklist.retrieve(uid), PROGRESS), "ProcedureStepDiscontinuationReasonCodeSequence")
        return found.value

    def outputs(self, uid):
        done = item(self.worklist.retrieve(uid), PERFORMED)
        return [text(one, "SeriesInstanceUID") for one in items(done, "OutputInformationSequence")]


def does(worklist, uid, *, code=ANALYSIS, series="2.25.77", progress=()):
    """A performer claims a workitem, tells its progress, and completes it."""
    transaction = new_uid()
    worklist.change_state(uid, "IN PROGRESS", transaction, "AI_ONE")
    for percent in progress:
        worklist.update(uid, put_items({}, PROGRESS, put({}, "ProcedureStepProgress", percent)), transaction)
    update = performed(now())
    done = item(update, PERFORMED)
    put_codes(done, "PerformedWorkitemCodeSequence", code)
    output = put(put({}, "TypeOfInstances", "DICOM"), "StudyInstanceUID", "2.25.5")
    put(output, "SeriesInstanceUID", series)
    reference = put(
        put({}, "ReferencedSOPClassUID", "1.2.840.10008.5.1.4.1.1.66.4"), "ReferencedSOPInstanceUID", "2.25.9"
    )
    put_items(output, "ReferencedSOPSequence", reference)
    url = put({}, "RetrieveURL", "http://cache.invalid/dicom-web/studies/2.25.5")
    put_items(done, "OutputInformationSequence", put_items(output, "WADORSRetrievalSequence", url))
    worklist.update(uid, update, transaction)
    worklist.change_state(uid, "COMPLETED", transaction, "AI_ONE")


def gives_up(worklist, uid, reason="110521"):
    transaction = new_uid()
    worklist.change_state(uid, "IN PROGRESS", transaction, "AI_ONE")
    why = put_codes({}, "ProcedureStepDiscontinuationReasonCodeSequence", Code(reason, "DCM", "reason"))
    worklist.update(uid, put_items({}, PROGRESS, why), transaction)
    worklist.change_state(uid, "CANCELED", transaction, "AI_ONE")


def rejection():
    return put_codes({}, "ProcedureStepDiscontinuationReasonCodeSequence", Code("110530", "DCM", "rejected"))


@pytest.fixture
def new_site(store, tmp_path):
    made = []

    def make(**how):
        made.append(Site(store, tmp_path, **how))
        return made[-1]

    yield make
    for site in made:
        site.performers_store.close()


def test_a_pushed_workitem_is_in_progress_with_the_manager_as_owner_and_its_copy_is_at_the_performer(new_site):
    site = new_site()
    uid = site.engaged()
    parent = site.worklist.find(uid)
    assert (str(parent.state), parent.performer) == ("IN PROGRESS", MANAGER)
    assert parent.transaction_uid
    copy = site.performer.retrieve(site.child(uid))
    for keyword in ("StudyInstanceUID", "PatientID", "ReferencedRequestSequence", "ScheduledStationNameCodeSequence"):
        assert get(copy, keyword) == get(parent.content, keyword)
    assert text(copy, "ProcedureStepState") == "SCHEDULED"
    assert "00081195" not in parent.content


def test_watchers_of_a_pushed_workitem_see_claim_progress_and_completion_with_what_the_performer_did(new_site):
    site = new_site()
    site.worklist.subscriptions.subscribe("WATCHER", GLOBAL_SUBSCRIPTION, Channel.WEBSOCKET)
    uid = site.engaged()
    transaction = new_uid()
    site.performer.change_state(site.child(uid), "IN PROGRESS", transaction, "AI_ONE")
    half = put(put({}, "ProcedureStepProgress", 50), "ProcedureStepProgressDescription", "half")
    site.performer.update(site.child(uid), put_items({}, PROGRESS, half), transaction)
    site.contractor.advance(uid)
    assert get(item(site.worklist.retrieve(uid), PROGRESS), "ProcedureStepProgress") == 50
    site.contractor.advance(uid)  # nothing new, nothing told
    site.performer.update(site.child(uid), performed(now()), transaction)
    site.performer.change_state(site.child(uid), "COMPLETED", transaction, "AI_ONE")
    site.contractor.advance(uid)
    done = site.worklist.retrieve(uid)
    assert text(done, "ProcedureStepState") == "COMPLETED"
    assert get(done, PERFORMED) == get(site.performer.retrieve(site.child(uid)), PERFORMED)
    told = [one.event.kind for one in site.store.deliveries_after(0, receiver="WATCHER")]
    expected = [EventKind.CREATED, EventKind.ASSIGNED, EventKind.CLAIMED]
    assert told == [*expected, EventKind.PROGRESS, EventKind.PROGRESS, EventKind.COMPLETED]


@pytest.mark.parametrize("moment", list(Moment))
def test_a_crash_at_any_moment_neither_loses_a_pushed_workitem_nor_does_it_twice(moment, new_site):
    site = new_site()
    site.crash_at = moment
    uid = site.create()
    site.insist(uid)
    does(site.performer, site.child(uid))
    site.insist(uid)
    assert site.crash_at is None
    assert (site.state(uid), site.outputs(uid)) == ("COMPLETED", ["2.25.77"])
    assert len(list(site.performer.matching({}))) == 1
    kinds = site.kinds(uid)
    assert (kinds.count(EventKind.CLAIMED), kinds.count(EventKind.COMPLETED)) == (1, 1)


@pytest.mark.parametrize("ready", ["INCOMPLETE", "UNAVAILABLE"])
def test_what_has_not_all_of_its_inputs_is_not_claimed_by_the_manager_either(ready, new_site):
    site = new_site()
    uid = site.create(ready=ready)
    assert not site.contractor.engage(uid)
    assert site.state(uid) == "SCHEDULED"


def test_what_is_assigned_to_others_or_claimed_is_left_alone(new_site):
    site = new_site()
    other, claimed = site.create(station="AI_PULLS"), site.create()
    site.worklist.change_state(claimed, "IN PROGRESS", new_uid(), "AI_ONE")
    assert not any(site.contractor.engage(uid) for uid in (other, claimed, new_uid()))
    site.contractor.advance(claimed)
    assert site.store.open_parents() == []


@pytest.mark.parametrize("how", ["refuses the copy", "rejects it"])
def test_what_a_performer_rejects_goes_to_the_next_station_by_policy(how, new_site):
    stations = (Code("AI_ONE", "L", "One"), Code("AI_PULLS", "L", "Pulls"))
    site = new_site(policy=Policy(assignments=[Assignment(ANALYSIS, stations)]))
    site.place.refuses = how == "refuses the copy"
    uid = site.engaged(station="")
    if how == "rejects it":
        site.performer.request_cancel(site.child(uid), rejection())
        site.contractor.advance(uid)
    child = site.worklist.retrieve(site.child(uid, attempt=2))
    assert get_code(child, "ScheduledStationNameCodeSequence").value == "AI_PULLS"
    assert get_code(site.worklist.retrieve(uid), "ScheduledStationNameCodeSequence").value == "AI_PULLS"
    assert site.kinds(uid).count(EventKind.ASSIGNED) == 2
    does(site.worklist, site.child(uid, attempt=2))
    site.contractor.advance(uid)
    assert site.state(uid) == "COMPLETED"


def test_what_nobody_is_left_to_do_is_canceled_with_the_reason_of_the_last_one_asked(new_site):
    site = new_site()
    site.place.refuses = True
    uid = site.engaged()
    assert (site.state(uid), site.reason(uid)) == ("CANCELED", "110530")


def test_a_copy_that_its_performer_cancels_cancels_the_workitem_with_its_reason_and_no_other_is_asked(new_site):
    stations = (Code("AI_ONE", "L", "One"), Code("AI_PULLS", "L", "Pulls"))
    site = new_site(policy=Policy(assignments=[Assignment(ANALYSIS, stations)]))
    uid = site.engaged(station="")
    gives_up(site.performer, site.child(uid))
    site.contractor.advance(uid)
    assert (site.state(uid), site.reason(uid)) == ("CANCELED", "110521")
    assert [one.standing for one in site.store.contracts_of(uid)] == [Standing.CANCELED]


@pytest.mark.requirement("AIWI-TM-045")
def test_a_request_to_cancel_a_pushed_workitem_reaches_the_performer_once_and_its_decision_holds(new_site):
    site = new_site()
    uid, transaction = site.engaged(), new_uid()
    site.performer.change_state(site.child(uid), "IN PROGRESS", transaction, "AI_ONE")
    reason = put_codes({}, "ProcedureStepDiscontinuationReasonCodeSequence", Code("110500", "DCM", "Doctor"))
    site.worklist.request_cancel(uid, put(reason, "ReasonForCancellation", "not needed"), "REQUESTER")
    for _ in range(3):
        site.contractor.advance(uid)
    asked = [one for one in site.performers_store.events_after(0) if one.kind is EventKind.CANCEL_REQUESTED]
    assert [text(one.content, "ReasonForCancellation") for one in asked] == ["not needed"]
    assert site.state(uid) == "IN PROGRESS"
    site.performer.change_state(site.child(uid), "CANCELED", transaction, "AI_ONE")
    site.contractor.advance(uid)
    assert site.state(uid) == "CANCELED"


def test_a_request_to_cancel_before_the_performer_begins_cancels_both_with_the_reason_given(new_site):
    site = new_site()
    uid = site.engaged()
    site.worklist.request_cancel(
        uid, put_codes({}, "ProcedureStepDiscontinuationReasonCodeSequence", Code("110510", "DCM", "Duplicate"))
    )
    site.contractor.advance(uid)
    assert text(site.performer.retrieve(site.child(uid)), "ProcedureStepState") == "CANCELED"
    assert (site.state(uid), site.reason(uid)) == ("CANCELED", "110510")


def test_a_performer_that_is_away_is_asked_again_and_what_was_done_meanwhile_is_not_lost(new_site):
    site = new_site()
    uid = site.engaged()
    site.place.away = True
    does(site.performer, site.child(uid))
    with pytest.raises(Unavailable):
        site.contractor.advance(uid)
    assert site.state(uid) == "IN PROGRESS"
    site.place.away = False
    site.contractor.advance(uid)
    assert site.state(uid) == "COMPLETED"


def test_a_copy_that_says_less_than_completed_needs_still_completes_the_workitem(new_site):
    site = new_site()
    uid = site.engaged()
    does(site.performer, site.child(uid))
    lean = site.performer.retrieve(site.child(uid))
    for keyword in (
        "PerformedStationNameCodeSequence",
        "PerformedProcedureStepStartDateTime",
        "PerformedWorkitemCodeSequence",
    ):
        remove(item(lean, PERFORMED), keyword)
    site.place.retrieve = lambda _uid: lean
    site.contractor.advance(uid)
    done = item(site.worklist.retrieve(uid), PERFORMED)
    assert get_code(done, "PerformedStationNameCodeSequence").value == "AI_ONE"
    assert get_code(done, "PerformedWorkitemCodeSequence").same_as(ANALYSIS)


@pytest.fixture
def verified(new_site):
    return new_site(plans=Plans([VERIFIED]))


def test_inference_goes_to_the_cache_and_only_what_is_verified_to_the_archive(verified):
    site = verified
    uid = site.engaged(station="", code=WHOLE)
    first = site.worklist.retrieve(site.child(uid, "inference"))
    storage = item(item(first, "OutputDestinationSequence"), "STOWRSStorageSequence")
    assert text(storage, "StorageURL") == CACHE
    assert text(first, "ProcedureStepLabel") == "Inference"
    assert get(first, "ReferencedRequestSequence") == get(site.worklist.retrieve(uid), "ReferencedRequestSequence")
    assert site.worklist.search({"ProcedureStepState": "SCHEDULED"}, 10).remaining == 0
    assert len(list(site.worklist.matching({}))) == 2
    does(site.worklist, site.child(uid, "inference"), code=INFERENCE, series="2.25.1", progress=[50])
    site.contractor.advance(uid)
    assert site.state(uid) == "IN PROGRESS"
    second = site.worklist.retrieve(site.child(uid, "verification"))
    [read] = items(second, "InputInformationSequence")
    assert (text(read, "SeriesInstanceUID"), text(read, "StudyInstanceUID")) == ("2.25.1", "2.25.5")
    assert get(second, "OutputDestinationSequence") == get(site.worklist.retrieve(uid), "OutputDestinationSequence")
    assert get(item(site.worklist.retrieve(uid), PROGRESS), "ProcedureStepProgress") == 50
    does(site.worklist, site.child(uid, "verification"), code=VERIFICATION, series="2.25.2")
    site.contractor.advance(uid)
    assert (site.state(uid), site.outputs(uid)) == ("COMPLETED", ["2.25.2"])
    done = item(site.worklist.retrieve(uid), PERFORMED)
    assert get_code(done, "PerformedWorkitemCodeSequence").same_as(WHOLE)


@pytest.mark.parametrize("moment", list(Moment))
def test_a_crash_at_any_moment_neither_loses_a_subtask_nor_makes_it_twice(moment, verified):
    site = verified
    uid = site.create(station="", code=WHOLE)
    for step in ("inference", "verification"):
        site.crash_at = moment if moment not in site.moments or step == "verification" else None
        site.insist(uid)
        does(site.worklist, site.child(uid, step))
    site.insist(uid)
    assert site.state(uid) == "COMPLETED"
    assert len(list(site.worklist.matching({}))) == 3


def test_a_subtask_that_fails_cancels_the_others_and_the_whole_with_its_reason(new_site):
    pipeline = Pipeline((Step("one", INFERENCE), Step("two", VERIFICATION)), WHOLE)
    site = new_site(plans=Plans([pipeline]))
    uid = site.engaged(station="", code=WHOLE)
    gives_up(site.worklist, site.child(uid, "one"), "110527")
    site.contractor.advance(uid)
    assert [site.state(site.child(uid, step)) for step in ("one", "two")] == ["CANCELED", "CANCELED"]
    assert (site.state(uid), site.reason(uid)) == ("CANCELED", "110527")
    assert site.reason(site.child(uid, "two")) == "110527"


def test_a_subtask_that_may_fail_leaves_the_whole_to_the_others(new_site):
    pipeline = Pipeline((Step("one", INFERENCE, on_failure=OnFailure.CONTINUE), Step("two", VERIFICATION)), WHOLE)
    site = new_site(plans=Plans([pipeline]))
    uid = site.engaged(station="", code=WHOLE)
    gives_up(site.worklist, site.child(uid, "one"))
    site.contractor.advance(uid)
    does(site.worklist, site.child(uid, "two"), series="2.25.2")
    site.contractor.advance(uid)
    assert (site.state(uid), site.outputs(uid)) == ("COMPLETED", ["2.25.2"])


def test_a_request_to_cancel_the_whole_goes_down_to_its_subtasks(verified):
    site = verified
    uid = site.engaged(station="", code=WHOLE)
    site.worklist.request_cancel(uid, {}, "REQUESTER")
    site.contractor.advance(uid)
    assert (site.state(site.child(uid, "inference")), site.state(uid)) == ("CANCELED", "CANCELED")


def test_a_subtask_whose_performer_hears_nothing_is_asked_again_until_it_ends(verified):
    site = verified
    uid = site.engaged(station="", code=WHOLE)
    transaction, child = new_uid(), site.child(uid, "inference")
    site.worklist.change_state(child, "IN PROGRESS", transaction, "AI_ONE")
    site.worklist.request_cancel(uid, {}, "REQUESTER")
    with pytest.raises(Conflict, match="cannot be asked"):
        site.contractor.advance(uid)
    site.worklist.change_state(child, "CANCELED", transaction, "AI_ONE")
    site.contractor.advance(uid)
    assert site.state(uid) == "CANCELED"


def test_a_subtask_that_cannot_be_asked_to_end_keeps_no_other_from_ending(new_site):
    pipeline = Pipeline((Step("one", INFERENCE), Step("two", VERIFICATION)), WHOLE)
    site = new_site(plans=Plans([pipeline]))
    uid = site.engaged(station="", code=WHOLE)
    site.worklist.change_state(site.child(uid, "one"), "IN PROGRESS", new_uid(), "AI_ONE")
    site.worklist.request_cancel(uid, {}, "REQUESTER")
    with pytest.raises(Conflict, match="cannot be asked"):
        site.contractor.advance(uid)
    assert site.state(site.child(uid, "two")) == "CANCELED"


def test_a_subtask_whose_lease_runs_out_goes_on_as_the_workitem_that_replaces_it(new_site):
    site = new_site(plans=Plans([VERIFIED]), policy=Policy(leases=[Lease(1)]))
    uid = site.engaged(station="", code=WHOLE)
    site.worklist.change_state(site.child(uid, "inference"), "IN PROGRESS", new_uid(), "AI_ONE")
    [released] = release_expired(site.worklist, site.store, now() + timedelta(hours=1))
    assert released.canceled.uid == site.child(uid, "inference")  # the claim of the manager itself has no lease
    site.contractor.advance(uid)
    assert site.state(uid) == "IN PROGRESS"
    does(site.worklist, released.heir.uid)
    site.contractor.advance(uid)
    assert site.state(site.child(uid, "verification")) == "SCHEDULED"


def test_outputs_of_a_subtask_that_retention_deleted_are_still_known(verified):
    site = verified
    uid = site.engaged(station="", code=WHOLE)
    does(site.worklist, site.child(uid, "inference"), series="2.25.1")
    site.contractor.advance(uid)
    assert site.store.delete_final(now() + timedelta(seconds=1)) == [site.child(uid, "inference")]
    does(site.worklist, site.child(uid, "verification"), series="2.25.2")
    site.contractor.advance(uid)
    assert site.state(uid) == "COMPLETED"
    site.store.delete_final(now() + timedelta(seconds=1))
    assert site.store.contracts_of(uid) == []


def test_a_workitem_whose_pipeline_was_changed_under_way_is_left_as_it_is_and_told(verified):
    site = verified
    uid = site.engaged(station="", code=WHOLE)
    others = Pipeline((Step("something else", INFERENCE),), WHOLE)
    for plans in (Plans([others]), Plans()):
        with pytest.raises(Conflict, match="not configured any more"):
            Contractor(site.worklist, site.store, plans, site.place_at, now).advance(uid)
    assert site.state(uid) == "IN PROGRESS"


BRAIN, LESIONS = Code("BRAIN", "99TEST", "Brain extraction"), Code("LESIONS", "99TEST", "Lesions")
VOLUMES = Code("VOLUMES", "99TEST", "Volumes")
COMMON = Step("brain", BRAIN, "Brain extraction", shared=True)
TWO_WITH_A_COMMON_STEP = (
    Pipeline((COMMON, Step("lesions", LESIONS, after=("brain",), inputs=Inputs.OUTPUTS)), WHOLE),
    Pipeline(
        (
            Step("extraction", BRAIN, "The brain", shared=True, on_failure=OnFailure.CONTINUE),
            Step("volumes", VOLUMES, after=("extraction",)),
        ),
        ANALYSIS,
    ),
)


@pytest.fixture
def sharing(new_site):
    """A site with two pipelines that have the extraction of the brain in common, and a workitem of each for a study."""
    site = new_site(plans=Plans(TWO_WITH_A_COMMON_STEP))
    one = put(site.worklist.retrieve(site.create(station="", code=WHOLE)), "ProcedureStepState", "SCHEDULED")
    site.one = text(one, "SOPInstanceUID")
    remove(put(put_codes(one, "ScheduledWorkitemCodeSequence", ANALYSIS), "TransactionUID"), "SOPInstanceUID")
    for keyword in ("SOPClassUID", "ScheduledProcedureStepModificationDateTime"):
        remove(one, keyword)
    site.content = one
    site.other = site.worklist.create(put(one, "ScheduledProcedureStepPriority", "LOW")).uid
    return site


def children(site):
    """The workitems that are steps, by code."""
    whole = {site.one, site.other}
    found = [one for one in site.worklist.matching({}) if text(one, "SOPInstanceUID") not in whole]
    return sorted(get_code(one, "ScheduledWorkitemCodeSequence").value for one in found)


def test_a_step_that_two_pipelines_have_in_common_is_done_once_and_both_go_on_from_it(sharing):
    for uid in (sharing.one, sharing.other):
        sharing.insist(uid)
    assert children(sharing) == ["BRAIN"]
    brain = sharing.child(sharing.one, "brain")
    assert sharing.store.parents_of(brain) == sorted([sharing.one, sharing.other])
    does(sharing.worklist, brain, code=BRAIN, series="2.25.1")
    for uid in (sharing.one, sharing.other):
        sharing.insist(uid)
    assert children(sharing) == ["BRAIN", "LESIONS", "VOLUMES"]
    [read] = items(sharing.worklist.retrieve(sharing.child(sharing.one, "lesions")), "InputInformationSequence")
    assert text(read, "SeriesInstanceUID") == "2.25.1"
    does(sharing.worklist, sharing.child(sharing.one, "lesions"), code=LESIONS)
    does(sharing.worklist, sharing.child(sharing.other, "volumes"), code=VOLUMES)
    for uid in (sharing.one, sharing.other):
        sharing.insist(uid)
    assert (sharing.state(sharing.one), sharing.state(sharing.other)) == ("COMPLETED", "COMPLETED")


def test_a_workitem_that_comes_after_the_common_step_was_done_goes_on_from_its_end(sharing):
    sharing.insist(sharing.one)
    brain = sharing.child(sharing.one, "brain")
    does(sharing.worklist, brain, code=BRAIN, series="2.25.1")
    sharing.insist(sharing.one)
    sharing.insist(sharing.other)
    assert children(sharing) == ["BRAIN", "LESIONS", "VOLUMES"]


@pytest.mark.parametrize("change", ["another patient", "another study", "another version"])
def test_what_is_not_the_same_is_not_shared(change, sharing):
    other = sharing.content
    if change == "another patient":
        put(other, "PatientID", "SOMEBODY-ELSE")
    elif change == "another study":
        put(other, "StudyInstanceUID", "2.25.999")
    else:
        pinned = Step("extraction", BRAIN, shared=True, engine_version="2")
        sharing.plans = Plans((TWO_WITH_A_COMMON_STEP[0], Pipeline((pinned,), ANALYSIS)))
        sharing.contractor = Contractor(sharing.worklist, sharing.store, sharing.plans, sharing.place_at, now)
    for uid in (sharing.one, sharing.worklist.create(other).uid):
        sharing.insist(uid)
    assert [code for code in children(sharing) if code == "BRAIN"] == ["BRAIN", "BRAIN"]


def test_the_failure_of_a_common_step_means_for_each_workitem_what_its_own_pipeline_says(sharing):
    for uid in (sharing.one, sharing.other):
        sharing.insist(uid)
    gives_up(sharing.worklist, sharing.child(sharing.one, "brain"), "110527")
    for uid in (sharing.one, sharing.other):
        sharing.insist(uid)
    assert (sharing.reason(sharing.one), sharing.reason(sharing.other)) == ("110527", "110527")
    third = sharing.worklist.create(sharing.content).uid
    sharing.insist(third)
    assert sharing.state(sharing.child(third, "extraction")) == "SCHEDULED"


def test_a_common_step_goes_on_as_long_as_one_workitem_wants_it_and_ends_with_the_last(sharing):
    for uid in (sharing.one, sharing.other):
        sharing.insist(uid)
    brain = sharing.child(sharing.one, "brain")
    states = []
    for uid in (sharing.one, sharing.other):
        sharing.worklist.request_cancel(uid, rejection(), "REQUESTER")
        sharing.insist(uid)
        states.append((sharing.state(uid), sharing.reason(uid), sharing.state(brain)))
    assert states == [("CANCELED", "110530", "SCHEDULED"), ("CANCELED", "110530", "CANCELED")]


def test_a_common_step_is_as_urgent_as_the_most_urgent_workitem_that_wants_it(sharing):
    sharing.insist(sharing.other)
    brain = sharing.child(sharing.other, "extraction")
    assert text(sharing.worklist.retrieve(brain), "ScheduledProcedureStepPriority") == "LOW"
    soon = put(sharing.content, "ScheduledProcedureStepPriority", "HIGH")
    put(soon, "ScheduledProcedureStepStartDateTime", "20200101000000+0000")
    for _ in range(2):
        sharing.insist(sharing.worklist.create(soon).uid)
    found = sharing.worklist.retrieve(brain)
    assert text(found, "ScheduledProcedureStepPriority") == "HIGH"
    assert text(found, "ScheduledProcedureStepStartDateTime") == "20200101000000+0000"


def test_a_step_asks_for_the_version_that_its_pipeline_names_and_never_for_that_of_the_whole():
    parent = want_version(new_workitem(now=now()), "7")
    of_any, pinned = Step("one", BRAIN), Step("two", BRAIN, engine_version="2")
    told = [
        wanted_version(child_content(parent, step, Contract("P", step.name, "C"), ()))
        for step in (of_any, pinned, PUSH.step(COPY))
    ]
    assert told == ["", "2", "7"]


@pytest.mark.parametrize(
    ("parent", "child", "taken_over"),
    [
        (("HIGH", "20260301"), ("LOW", "20260301"), ["00741200"]),
        (("LOW", "20260301"), ("HIGH", "20260302"), ["00404005"]),
        (("LOW", "20260302"), ("LOW", "20260301"), []),
        (("", ""), ("MEDIUM", "20260301"), []),
        (("MEDIUM", "soon"), ("", ""), ["00741200"]),
    ],
)
def test_a_shared_child_takes_over_what_is_more_urgent_or_earlier(parent, child, taken_over):
    told = [
        put(put({}, "ScheduledProcedureStepPriority", priority), "ScheduledProcedureStepStartDateTime", start)
        for priority, start in (child, parent)
    ]
    assert sorted(sooner(*told)) == taken_over


def test_all_who_wait_for_a_common_step_follow_the_workitem_that_replaces_it(new_site, sharing):
    sharing.worklist.policy = Policy(leases=[Lease(1)])
    for uid in (sharing.one, sharing.other):
        sharing.insist(uid)
    sharing.worklist.change_state(sharing.child(sharing.one, "brain"), "IN PROGRESS", new_uid(), "AI_ONE")
    [released] = release_expired(sharing.worklist, sharing.store, now() + timedelta(hours=1))
    for uid in (sharing.one, sharing.other, sharing.worklist.create(sharing.content).uid):
        sharing.insist(uid)
    does(sharing.worklist, released.heir.uid)
    for uid in (sharing.one, sharing.other):
        sharing.insist(uid)
    assert children(sharing).count("BRAIN") == 2  # the one that ran out, and its heir
    assert sharing.state(sharing.child(sharing.other, "volumes")) == "SCHEDULED"


@pytest.mark.parametrize("moment", list(Moment)[:3])
def test_a_crash_at_any_moment_neither_loses_a_common_step_nor_does_it_twice(moment, sharing):
    sharing.crash_at = moment
    for uid in (sharing.one, sharing.other):
        sharing.insist(uid)
    does(sharing.worklist, sharing.child(sharing.one, "brain"), code=BRAIN)
    for uid in (sharing.one, sharing.other):
        sharing.insist(uid)
    assert sharing.crash_at is None
    assert children(sharing) == ["BRAIN", "LESIONS", "VOLUMES"]


def test_contracts_of_before_steps_could_be_shared_are_kept(database_url):
    engine = sqlalchemy.create_engine(database_url)
    upgrade(engine, "0002")
    row = ("'C', 'P', 'one', 1, '', '', 'placed', false", "'{}'" if engine.name == "sqlite" else "'{}'::bytea")
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(f"INSERT INTO contract VALUES ({', '.join(row)})"))  # noqa: S608
    engine.dispose()
    store = Store(database_url)
    assert store.contracts_of("P") == [Contract("P", "one", "C", standing=Standing.PLACED)]
    store.put_contract(Contract("P", "one", "C2", standing=Standing.COMPLETED))
    assert (store.parents_of("C"), store.parents_of("C2")) == ([], ["P"])
    store.close()


@given(st.text(), st.text(), st.integers(1, 9))
def test_a_child_has_the_same_uid_whenever_it_is_asked_for_and_no_other_has_it(parent, step, attempt):
    assert child_uid(parent, step, attempt) == child_uid(parent, step, attempt)
    assert child_uid(parent, step, attempt) != child_uid(parent, step, attempt + 1)
    assert len(child_uid(parent, step, attempt)) <= 64

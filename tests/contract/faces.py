"""The two faces of one Task Manager by the same names: what is asked, and what is expected of each on its wire."""

from urllib.parse import urlencode

import httpx

from actors.shared.ups_client import UpsClient
from actors.shared.ups_dimse_client import DimseUpsClient, identifier_of
from connectathon.workitems import new_workitem, performed
from profiles.dicom import put, text
from profiles.errors import error_row
from tests.contract.dimse import SERVER, Wire, code, now, wire

JSON = {"Accept": "application/dicom+json", "Content-Type": "application/dicom+json"}
STATES = {"claim": "IN PROGRESS", "schedule": "SCHEDULED", "complete": "COMPLETED", "cancel": "CANCELED"}
DONE = {"create": 201, "request-cancel": 202}


class RestFace:
    """UPS-RS, asked by plain HTTP."""

    name = "rest"

    def __init__(self, base):
        self.base = base
        self.http = httpx.Client(base_url=base, headers=JSON, timeout=60)

    def close(self):
        self.http.close()

    def client(self, ae_title):
        return UpsClient(self.base, ae_title=ae_title, timeout_seconds=60)

    def ask(self, request, uid, transaction, content=None):
        """The answer as it is on the wire: HTTP status and Warning."""
        answer = self._ask(request, uid, transaction, content)
        return answer.status_code, answer.headers.get("Warning", "").partition(": ")[2]

    def _ask(self, request, uid, transaction, content):
        if request == "create":
            return self.http.post(f"/workitems?workitem={uid}", json=[content or new_workitem(now=now())])
        if request == "update":
            query = f"?transaction-uid={transaction}" if transaction else ""
            return self.http.post(f"/workitems/{uid}{query}", json=[content or performed(now())])
        if request == "request-cancel":
            return self.http.post(f"/workitems/{uid}/cancelrequest?requester=CALLER")
        wanted = put(put({}, "TransactionUID", *filter(None, [transaction])), "ProcedureStepState", STATES[request])
        return self.http.put(f"/workitems/{uid}/state?requester=CALLER", json=[wanted])

    def expected(self, request, outcome):
        """What the table's outcome is on this wire."""
        if outcome in ("done", "accepted"):
            return DONE.get(request, 200), ""
        return error_row(outcome).http, error_row(outcome).warning

    def retrieve(self, uid):
        answer = self.http.get(f"/workitems/{uid}")
        return answer.json()[0] if answer.is_success else answer.status_code

    def search(self, **wanted):
        """UIDs of what matches."""
        answer = self.http.get(f"/workitems?{urlencode(wanted)}")
        return [text(one, "SOPInstanceUID") for one in answer.json()] if answer.content else []


class DimseFace:
    """UPS over DIMSE, asked by plain pynetdicom."""

    name = "dimse"

    def __init__(self, port):
        self.port = port
        self._open()

    def _open(self):
        self._association = wire(self.port)
        self._wire: Wire = self._association.__enter__()

    @property
    def wire(self):
        """The association; another one when the server has ended it, as it does after a minute of silence."""
        if not self._wire.association.is_established:
            self.close()
            self._open()
        return self._wire

    def close(self):
        self._association.__exit__(None, None, None)

    def client(self, ae_title):
        return DimseUpsClient("127.0.0.1", self.port, called_ae=SERVER, ae_title=ae_title, timeout_seconds=60)

    def ask(self, request, uid, transaction, content=None):
        """The answer as it is on the wire: the status."""
        if request == "create":
            return code(self.wire.create(content or new_workitem(now=now()), uid))
        if request == "update":
            changes = dict(content or performed(now()))
            return code(self.wire.set(uid, put(changes, "TransactionUID", transaction) if transaction else changes))
        if request == "request-cancel":
            return code(self.wire.act(2, uid, {}))
        return code(self.wire.change_state(uid, STATES[request], transaction))

    def expected(self, _request, outcome):
        return "0000" if outcome in ("done", "accepted") else error_row(outcome).dimse

    def retrieve(self, uid):
        status, found = self.wire.get(uid)
        return found if code(status) == "0000" else code(status)

    def search(self, **wanted):
        codes, found = self.wire.find(identifier_of({"SOPInstanceUID": "", **wanted}, ""))
        assert codes[-1] == "0000"
        return [text(one, "SOPInstanceUID") for one in found]

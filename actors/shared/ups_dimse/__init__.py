"""The UPS DIMSE face: PS3.4 Annex CC over pynetdicom, for whoever serves a worklist."""

from actors.shared.ups_dimse.peers import Address, Peer, Peers
from actors.shared.ups_dimse.server import Listening, ups_dimse_server

__all__ = ["Address", "Listening", "Peer", "Peers", "ups_dimse_server"]

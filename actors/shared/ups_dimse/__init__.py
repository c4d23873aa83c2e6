"""The UPS DIMSE face: PS3.4 Annex CC over pynetdicom, for whoever serves a worklist.

`actors.shared.ups_dimse.server` serves it; that is imported where it is wanted, because pynetdicom is large.
"""

from actors.shared.ups_dimse.peers import Address, Peer, Peers

__all__ = ["Address", "Peer", "Peers"]

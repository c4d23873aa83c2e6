"""A simulated RIS: builds orders for fictional patients and sends them over MLLP, again until they are answered."""

from connectathon.ris.orders import build_order
from connectathon.ris.sending import Answer, send_order

__all__ = ["Answer", "build_order", "send_order"]

"""Pictures of results for people: beside the coded objects, never instead of them (RAD TF-3 section 6.5.3).

matplotlib is imported when something is drawn, not before.
"""

from actors.evidence_creator.pictures.caption import NOTE, Caption, caption_of
from actors.evidence_creator.pictures.looks import Look
from actors.evidence_creator.pictures.overview import Form, Overview, draw_overview

__all__ = ["NOTE", "Caption", "Form", "Look", "Overview", "caption_of", "draw_overview"]

"""Other ways to tell of work than HL7: images that arrive, MPPS, IAN, FHIR, and a person who asks.

Archives that tell of nothing are searched (``polling``), and people ask for many studies at once (``bulk``).

Each makes an event of what arrives (`actors.task_requester.recording.Told`); what follows is the same for all.
``dimse`` and ``http`` are the faces, ``arrivals`` counts what came through the gateway, ``announced`` waits for what
MPPS and IAN list, ``asking`` takes a person's request, ``pages`` shows what would come of it, ``releasing`` holds bulk
requests back behind clinical work, ``running`` puts them together.
"""

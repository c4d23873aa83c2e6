"""SOLE and ATNA: the event catalogue and the audit message (sole.md sections 4 to 6)."""

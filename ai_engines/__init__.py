"""The engine SDK: describe, select, process; and the isolation that lets a model crash without hurting anyone."""

"""Task Performer (AIW-I): claims workitems, retrieves, runs engines, stores, completes (RAD-81 to RAD-85)."""

"""The Task Manager: the UPS-RS worklist (AIW-I, RAD-80 to RAD-85 and RAD-88)."""

"""Task Requester (IHE RAD AIW-I): HL7 orders in over MLLP, workitems out by rule (RAD-80)."""

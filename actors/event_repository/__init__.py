"""The Event Repository: SOLE and audit events in over syslog TLS (ITI-20), out as JSON."""

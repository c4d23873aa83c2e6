"""The operational log: reporters with a durable spool, the event store, queries and measures."""

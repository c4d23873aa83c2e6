"""What the standards say, as data with citations and pure functions. Imports nothing of ours, does no I/O."""

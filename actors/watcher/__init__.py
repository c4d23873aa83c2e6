"""Watcher (AIW-I): the worklist board, each workitem in words, and the timeline of a study."""

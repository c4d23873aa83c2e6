"""One folder per IHE actor: its network faces and its loop. Actors talk to each other by standard transactions only."""

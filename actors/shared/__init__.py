"""What several actors need: clients, faces, settings, serving, logging. Imports no actor."""

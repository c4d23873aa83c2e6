"""The front door: command line, settings, supervision of actors, the demo."""

__version__ = "0.1.0"

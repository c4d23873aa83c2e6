"""The judge: checks of single objects and messages. Uses tables and codes, never the code it judges."""

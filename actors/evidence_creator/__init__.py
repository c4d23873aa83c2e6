"""The Evidence Creator: what is made of results beside their coded objects."""

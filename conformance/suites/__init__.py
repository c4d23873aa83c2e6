"""The tests, one package for each actor: ``suite.py`` says what the system declares and who plays the other roles."""

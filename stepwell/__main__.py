"""``python -m stepwell`` is the ``stepwell`` command."""

from stepwell.cli import main

if __name__ == "__main__":
    main()

"""Run the command line: ``python -m orchestra``."""

from orchestra.cli.app import main

if __name__ == "__main__":
    main()

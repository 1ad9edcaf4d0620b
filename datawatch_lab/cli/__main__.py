"""``python -m datawatch_lab.cli`` is `datawatch`."""

from datawatch_lab.cli import main

if __name__ == "__main__":
    main(prog_name="datawatch")

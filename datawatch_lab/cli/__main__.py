"""`python -m datawatch_lab.cli`: the same as the command `datawatch`."""

from datawatch_lab.cli.program import run

if __name__ == "__main__":
    run()

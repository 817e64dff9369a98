"""`python -m ormmigrate`, which is also installed as the command `ormmigrate`."""

from __future__ import annotations


def main() -> None:
    """Run the command line, and exit with its code."""
    try:
        from ormmigrate.cli import cli

        cli(prog_name="python -m ormmigrate")
    except KeyboardInterrupt:
        # Before the command line could take care of it: nothing has begun.
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()

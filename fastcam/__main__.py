"""`python -m fastcam` is the `fastcam` command."""

from fastcam.cli import main

if __name__ == "__main__":
    raise SystemExit(main())

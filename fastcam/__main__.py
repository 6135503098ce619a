"""The `fastcam` command as `python -m fastcam`."""

from fastcam.cli import main

if __name__ == "__main__":
    raise SystemExit(main())

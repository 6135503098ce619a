"""`python -m tests.exports make DIR`: export the zoo. `check DIR`: see what fastcam makes of it.

Where PyTorch and TensorFlow can't be installed together, run `make` with TensorFlow and tf2onnx first, then with PyTorch,
torchvision, timm, onnxscript, onnxslim and sympy: each makes what it can, the second also what is derived from both.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

from tests.exports import checking
from tests.exports.making import make, say


def check(folder: Path, wanted: Callable[[str], bool]) -> int:
    names = [path.stem for path in sorted(folder.glob("*.json")) if wanted(path.stem)]
    outcomes = []
    say(checking.HEADER)
    for name in names:
        outcomes.append(checking.check(folder, name))
        say(outcomes[-1].line())
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    false = [outcome for outcome in wrong if outcome.false_exact]
    seconds = sorted(outcome.seconds for outcome in outcomes) or [0.0]
    say(
        f"\n{len(outcomes)} models, {len(outcomes) - len(wrong)} right, {len(wrong)} wrong, {len(false)} FALSE EXACT; "
        f"load: median {seconds[len(seconds) // 2]:.2f} s, worst {seconds[-1]:.1f} s"
    )
    for outcome in wrong:
        say(("!!! FALSE EXACT !!! " if outcome.false_exact else "wrong: ") + outcome.line())
    return int(bool(wrong) or not outcomes)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.exports", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=("make", "check"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="*", metavar="NAME", help="files whose name matches, as tv_resnet* does")
    parser.add_argument("--large", action="store_true", help="VGG too: 500 MB")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()

    def wanted(name: str) -> bool:
        return fnmatch(name, given.only)

    if given.command == "check":
        return check(given.folder, wanted)
    return make(given.folder, wanted, given.large, given.workers)


if __name__ == "__main__":
    raise SystemExit(main())

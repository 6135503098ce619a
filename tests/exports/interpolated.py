"""`python -m tests.exports.interpolated`: write PyTorch's interpolation of signals and volumes to `tests/golden`."""

# pyright: reportMissingImports=false

from __future__ import annotations

from pathlib import Path

import numpy as np

SIZES = {"linear": ((5,), (37,)), "trilinear": ((3, 4, 5), (8, 7, 11))}


def main() -> None:
    import torch
    from torch.nn import functional

    kept = {}
    for name, (shape, size) in SIZES.items():
        maps = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 1, *shape)).astype(np.float32))
        made = functional.interpolate(maps.double(), size, mode=name, align_corners=False)
        kept |= {f"{name}_maps": maps.numpy(), f"{name}_expected": made.numpy()}
    np.savez_compressed(Path(__file__).parents[1] / "golden" / "interpolated.npz", allow_pickle=False, **kept)


if __name__ == "__main__":
    main()

"""Explanations of a folder of photos by Ray Data: `python examples/ray_data.py MODEL PHOTOS OUT [PREPROCESS]`.

Needs `pip install 'fastcam[ray]'`. Two actors open the model once each and explain batches of photos; on a cluster
there are more of them. OUT becomes a folder of Parquet files, a row a photo.
"""

# pyright: reportMissingImports=false

import os
import sys
from pathlib import Path

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when Ray is imported: it reports home otherwise
import ray

from fastcam.classifier import Worker


def main(model: str, photos: str, out: str, preprocess: str = "imagenet") -> None:
    paths = sorted(str(path.resolve()) for path in Path(photos).iterdir() if path.suffix in (".jpg", ".png"))
    ray.data.DataContext.get_current().execution_options.preserve_order = True
    dataset = ray.data.from_items([{"path": path} for path in paths])
    found = dataset.map_batches(
        Worker,
        fn_constructor_args=(model,),
        fn_constructor_kwargs={"load": {"preprocess": preprocess, "threads": 1}, "maps": False, "top": 5},
        batch_size=8,
        compute=ray.data.ActorPoolStrategy(size=2),
    )
    found.write_parquet(out)


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False)
    main(*sys.argv[1:])

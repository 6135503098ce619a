"""All modules of fastcam, since PyInstaller doesn't find those imported by name, and all data files beside them."""

import os
from pathlib import Path

_root = Path(__file__).parents[1]
_files = [  # with links, since `kernels` is one in a checkout
    Path(folder, name)
    for folder, _, names in os.walk(_root, followlinks=True)
    for name in names
    if not folder.endswith("__pycache__")
]

hiddenimports = [
    ".".join((_root.name, *file.relative_to(_root).with_suffix("").parts)).removesuffix(".__init__")
    for file in _files
    if file.suffix == ".py" and file.stem.replace("_", "a").isalnum()
]
datas = [
    (str(file), str(file.parent.relative_to(_root.parent))) for file in _files if file.suffix not in (".py", ".typed")
]

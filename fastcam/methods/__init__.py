"""Methods: ways to make activation maps, one record in a file of its own each, and what runs them.

`METHODS` has the records by name; `Attribution` makes the maps of a model by any of them. The kinds of records
(`fastcam.methods.method`) say where methods read: class weights, feature maps with their gradient, forwards of masked
images, or the gradient at the network input.

For users: `METHODS` with formulas and papers, and the functions of the method files, on arrays. May import `arrays`,
`images` and `model`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcam.package import attach

if TYPE_CHECKING:
    from fastcam.methods.attribution import Attribution as Attribution
    from fastcam.methods.masking_method import MaskingMethod as MaskingMethod
    from fastcam.methods.method import ClassWeightMethod as ClassWeightMethod
    from fastcam.methods.method import InputMethod as InputMethod
    from fastcam.methods.method import Method as Method
    from fastcam.methods.method import WeighingMethod as WeighingMethod
    from fastcam.methods.options import Options as Options
    from fastcam.methods.options import Seen as Seen
    from fastcam.methods.table import METHODS as METHODS
    from fastcam.methods.table import names as names

_HOMES = {
    "Attribution": "attribution",
    "ClassWeightMethod": "method",
    "InputMethod": "method",
    "MaskingMethod": "masking_method",
    "METHODS": "table",
    "Method": "method",
    "Options": "options",
    "Seen": "options",
    "WeighingMethod": "method",
    "names": "table",
}
__getattr__, __dir__, __all__ = attach(__name__, _HOMES)

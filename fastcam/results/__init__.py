"""Results of `Classifier.explain` and `input_gradient`: frozen values, which show themselves.

For users: `Explanation`, what iterating over it yields, and `InputGradient`. May import `arrays`, `images` and `model`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcam.package import attach

if TYPE_CHECKING:
    from fastcam.results.explanation import Explanation as Explanation
    from fastcam.results.explanation import InputGradient as InputGradient

_HOMES = {
    "Explanation": "explanation",
    "InputGradient": "explanation",
}
__getattr__, __dir__, __all__ = attach(__name__, _HOMES)

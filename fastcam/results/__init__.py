"""Results of `Classifier.explain` and `input_gradient`: frozen values, which show themselves.

For users: `Explanation`, what iterating over it yields (`found`), and `InputGradient`. `class_names` finds classes by
name; `text`, `html`, `thumbnails` and `data_frame` show results. May import `arrays`, `images` and `model`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcam.package import attach

if TYPE_CHECKING:
    from fastcam.results.explanation import Explanation as Explanation
    from fastcam.results.explanation import Failure as Failure
    from fastcam.results.found import Found as Found
    from fastcam.results.image_explanation import ImageExplanation as ImageExplanation
    from fastcam.results.input_gradient import InputGradient as InputGradient

_HOMES = {
    "Explanation": "explanation",
    "Failure": "explanation",
    "Found": "found",
    "ImageExplanation": "image_explanation",
    "InputGradient": "input_gradient",
}
__getattr__, __dir__, __all__ = attach(__name__, _HOMES)

"""One page of an evaluation for people: figures, curves, classes, worst cases and what was left out.

For everybody who has results of `fastcam.evaluate.evaluate`. May import all of `fastcam.evaluate`, and what explains
and draws photos.
"""

from fastcam.evaluate.report.gallery import ShardPictures
from fastcam.evaluate.report.page import write_report
from fastcam.evaluate.report.pictures import Pictures

__all__ = ["Pictures", "ShardPictures", "write_report"]

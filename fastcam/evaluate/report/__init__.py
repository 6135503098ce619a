"""One page that tells an evaluation: figures, curves, classes, worst cases and what was left out."""

from fastcam.evaluate.report.gallery import ShardPictures
from fastcam.evaluate.report.page import write_report

__all__ = ["ShardPictures", "write_report"]

"""Explanations in the formats of others: COCO, YOLO, NPZ, lines of JSON, supervision's detections; label images."""

from fastcam.export.coco import to_coco
from fastcam.export.labels import save_labels
from fastcam.export.lines import to_json_line
from fastcam.export.npz import load_npz, save_npz
from fastcam.export.supervision import to_supervision
from fastcam.export.yolo import to_yolo

__all__ = ["load_npz", "save_labels", "save_npz", "to_coco", "to_json_line", "to_supervision", "to_yolo"]

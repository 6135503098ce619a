"""Lists of names beside a model: `labels.txt`, `classes.txt` or `synset.txt`.

As Teachable Machine ("0 cat"), Edge TPU ("0  cat", "0:cat") and ImageNet's synsets ("n01440764 tench, Tinca tinca")
have them, or one name a line.
"""

from __future__ import annotations

from pathlib import Path

from fastcam.classifier.documents import read_text
from fastcam.classifier.labels import parse_lines
from fastcam.classifier.stated.evidence import Evidence
from fastcam.classifier.stated.vendor import Clause, Names, Vendor

FILES = ("labels.txt", "classes.txt", "synset.txt")


def _place(evidence: Evidence) -> Path | None:
    return evidence.find(*FILES)


def _labels(evidence: Evidence) -> list[Names]:
    file = _place(evidence)
    return [Names(dict(enumerate(parse_lines(read_text(file)) if file else [])))]


VENDOR = Vendor("text lists", Clause(_place, _labels))

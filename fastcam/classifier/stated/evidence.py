"""Places that may state a model's class names and preprocessing: its metadata, its graph, and the files beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastcam.classifier.documents import parse_json, parse_yaml, read_text
from fastcam.errors import InputError
from fastcam.model.file.metadata import model_with, read_metadata
from fastcam.model.file.source import Source
from fastcam.model.graph.read import as_onnx_source

if TYPE_CHECKING:
    import onnx

# Operators of ONNX-ML that name classes, in the order in which they count.
NAMING = ("ZipMap", "ArrayFeatureExtractor", "LabelEncoder", "LinearClassifier", "SVMClassifier")


@dataclass(frozen=True, eq=False)
class Evidence:
    """A model's metadata, and where its other statements may be found.

    Attributes
    ----------
    metadata
        `metadata_props` of the file.
    source
        The file or bytes, in ONNX's own format; None: a session of the caller's own.
    """

    metadata: Mapping[str, str] = field(default_factory=dict)
    source: Source | None = None

    @classmethod
    def of(cls, source: Source) -> Evidence:
        """Return the evidence of a model's file or bytes; nothing but metadata is read yet."""
        readable = as_onnx_source(source)
        return cls(read_metadata(readable), readable)

    @cached_property
    def naming_model(self) -> onnx.ModelProto | None:
        """The model without its large weights, if it has operators of `NAMING`."""
        return model_with(self.source, NAMING) if self.source else None

    @cached_property
    def folders(self) -> tuple[Path, ...]:
        """The model's folder, and of one that is named "onnx" the folder around it, as in repositories of models."""
        path = self.source.path if self.source else None
        if path is None:
            return ()
        folder = path.absolute().parent
        return (path.parent, folder.parent) if folder.name.lower() == "onnx" else (path.parent,)

    def find(self, *names: str) -> Path | None:
        """Return the first file of these names, in the nearest folder that has one."""
        files = (folder / name for folder in self.folders for name in names)
        return next((file for file in files if file.is_file()), None)

    def document(self, file: Path) -> Any:
        """Return the content of a file: the value of JSON or YAML, else text. It is read once.

        Raises
        ------
        InputError
            It can't be read.
        """
        if file not in self._documents:
            text, ending = read_text(file), file.suffix.lower()
            parse = parse_yaml if ending in (".yml", ".yaml") else parse_json if ending == ".json" else str
            self._documents[file] = parse(text)
        return self._documents[file]

    def mapping(self, file: Path) -> Mapping[str, Any]:
        """Return the content of a file with a JSON object or YAML mapping.

        Raises
        ------
        InputError
            It can't be read, or is something else.
        """
        value = self.document(file)
        if not isinstance(value, Mapping):
            raise InputError(f"expected an object; got {type(value).__name__}")
        return value

    def says(self, file: Path | None, *keys: str, broken: bool) -> bool:
        """Return whether a file's mapping has one of these keys; `broken` for one that can't be read."""
        if file is None:
            return False
        try:
            return not self.mapping(file).keys().isdisjoint(keys)
        except InputError:
            return broken

    @cached_property
    def _documents(self) -> dict[Path, Any]:
        return {}

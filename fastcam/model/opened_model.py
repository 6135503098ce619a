"""A model that is open, its head known, as gradients, masks and methods need it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastcam.arrays.memory import check_memory, free_memory
from fastcam.errors import ModelError
from fastcam.model.file.source import Source, on_disk
from fastcam.model.graph.graph import Graph
from fastcam.model.graph.read import as_onnx_source, read_graph
from fastcam.model.graph.shapes import peak_bytes
from fastcam.model.head.head import Head
from fastcam.model.head.probes import NORMALIZED
from fastcam.model.run.batches import MODEL_FOOTPRINT
from fastcam.model.run.session import Opening, Session


@dataclass(frozen=True, eq=False)
class OpenedModel:
    """A model, how it was opened, and its head.

    Attributes
    ----------
    source, opening
        The model's file or bytes, and the caller's options for running it; None for a session of the caller's own,
        which can't be taken apart.
    head
        The head that was found or given.
    size
        Sizes of the network input's places, as (height, width).
    session
        Runs the whole model.
    pixels
        The least and largest value of the network input, which a quantised model is made for.
    """

    source: Source | None
    opening: Opening | None
    head: Head
    size: tuple[int, ...]
    session: Session
    pixels: tuple[float, float] = NORMALIZED

    def check_room(self, shape: tuple[int, ...]) -> None:
        """Check that memory has room for what the model makes of a volume or clip of that shape, (N, ...).

        What it makes is counted in its graph, where a multiple of the volume that is enough for most networks isn't
        free.

        Raises
        ------
        InputError
            It hasn't; says how much the model needs.
        """
        free, rough = free_memory(), 4 * math.prod(shape) * (1 + MODEL_FOOTPRINT)
        if self.source is None or free is None or rough <= free:
            return
        with self.read_again(ModelError("expected a model from a file or bytes")) as (_, graph, _):
            needed = peak_bytes(graph, shape)
        check_memory("volume", needed, f"For its shape {shape}. Use a smaller size=... in preprocess, or a part of it")

    @contextmanager
    def read_again(self, refusal: ModelError) -> Iterator[tuple[str, Graph, Opening]]:
        """Yield the name and the graph of the model that the head was found in, and the options for running it.

        Raises
        ------
        ModelError
            The refusal, if there is no model but a session of the caller's. Or the file has changed since, or can't be
            read.
        """
        source, opening = self.source, self.opening
        if source is None or opening is None:
            raise refusal
        try:
            with on_disk(as_onnx_source(source)) as readable:
                graph = read_graph(readable, opening)
                if self.head.sha256 and source.sha256(self.head.access.files, graph.constants) != self.head.sha256:
                    raise ModelError(f"{source.name}: expected the file that was loaded; it has changed since")
                yield readable.name, graph, opening
        except (OSError, MemoryError) as error:
            raise ModelError(f"{source.name}: can't be read ({error})") from error

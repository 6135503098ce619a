"""The sanity check of maps, which change with the model's parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.maps import heatmaps
from fastcam.arrays.scalars import is_whole
from fastcam.classifier.classifier import Classifier
from fastcam.classifier.loader import load
from fastcam.errors import InputError, ModelError
from fastcam.evaluate.metrics.kept import KeptMetric
from fastcam.images.photos import each_photo
from fastcam.model.file.source import Parsed, read_source
from fastcam.model.graph.graph import Graph
from fastcam.model.graph.original import original_model
from fastcam.model.graph.outputs import own_name
from fastcam.model.graph.randomization import Noise, layers, randomize
from fastcam.model.graph.read import as_onnx_source
from fastcam.model.run.batches import Progress
from fastcam.results import Explanation


def randomized_models(
    model: Classifier, *, stages: int = 8, noise: Noise = "permuted", seed: int = 0, cascading: bool = True
) -> Iterator[tuple[str, Classifier]]:
    """Yield a model with more and more of its layers random, from the logits down, as pairs (layer, `Classifier`).

    Adebayo et al. 2018, "Sanity Checks for Saliency Maps", section 3.1. A layer is an operator with a matrix or kernel
    of weights, with its bias and the normalisation behind it; `layer` is the name of the last one that became random.
    Feature maps, preprocessing and provider stay the same; class weights are measured anew.

    Parameters
    ----------
    model
        A model that was loaded from a file, which is read and not changed; its weights (below 2 GB) are copied.
    stages
        The number of layers, evenly spaced from the last to the first; all if there are fewer.
    noise
        "permuted": the values of each tensor in another order; "normal": drawn anew with their mean and standard
        deviation. Vectors and integers are always permuted.
    seed
        Of the noise; each layer has its own, whatever the stages.
    cascading
        Whether all layers behind it are random as well, or each layer alone.

    Returns
    -------
    Iterator of (str, Classifier)
        The name of the last layer that became random, and the model.

    Raises
    ------
    InputError
        The model wasn't loaded from a file, or an option out of range.
    ModelError
        A random model can't be explained, since nothing gets through it any more, as happens to int8 models that
        saturate; names the layer.

    Examples
    --------
    >>> from importlib.resources import files
    >>> import fastcam
    >>> model = fastcam.load(str(files("fastcam.data") / "squeezenet1_1.onnx"), preprocess="caffe-bgr")
    >>> for layer, other in randomized_models(model, stages=1):
    ...     print(layer, other.head.kind)
    /conv10/Conv cam
    """
    _check_options(stages, noise)
    if model.path is None:
        raise InputError("model: expected one that was loaded from a file; got one of bytes or of your own session")
    import onnx

    source = read_source(model.path)
    whole = onnx.load_from_string(as_onnx_source(source).read()) if source.is_ort else onnx.load(str(model.path))
    constants = model.vision.session.constants
    graph = Graph.of(original_model(Parsed(whole)), constants)
    found, head = layers(graph), model.head
    if not found:
        raise ModelError(f"{source.name}: expected a model with stored weights; got one without")
    maps = own_name(graph, head.feature_maps)
    for last in np.unique(np.linspace(0, len(found) - 1, stages).round().astype(int)).tolist():
        changed = graph.model
        for k in range(last + 1) if cascading else (last,):
            changed = randomize(changed, found[k].tensors, noise, np.random.default_rng((seed, k)))
        try:
            other = load(
                changed.SerializeToString(),
                head=maps,
                output=head.output if head.output in graph.outputs else None,
                preprocess=model.preprocess,
                providers=[model.provider],
                constants=constants,
            )
        except (ModelError, ValueError) as error:
            raise ModelError(f"{source.name}, random down to {found[last].name!r}: {error}") from error
        yield found[last].name, other


@dataclass(eq=False, kw_only=True)
class Randomization(KeptMetric):
    """The similarity of maps to those of the model with random parameters, from the logits down.

    Adebayo et al. 2018, "Sanity Checks for Saliency Maps": a map that stays as it is has nothing to do with what the
    model has learned. Of each layer of `randomized_models`, and of the same classes by the same method:

    - `spearman` in [-1, 1]: the rank correlation with the model's own map, place by place; 0 where one is constant;
    - `ssim` in [-1, 1]: the structural similarity of both heatmaps at the size of the network input (Wang et al. 2004,
      7×7 windows).

    `summary` has a mean for each layer, and the `layers`. Cost: a model opened and a forward of all images for each
    layer and call of `update`, so give it many images at once. One model is in memory besides the first.

    Parameters
    ----------
    stages, noise, seed, cascading
        As in `randomized_models`.

    Examples
    --------
    >>> Randomization(stages=4, noise="normal")
    Randomization(method=None, stages=4, noise='normal', seed=0, cascading=True, layers=())
    """

    ALIKE: ClassVar = ("method", "layers")

    stages: int = 8
    noise: Noise = "permuted"
    seed: int = 0
    cascading: bool = True
    layers: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        _check_options(self.stages, self.noise)

    def update(
        self, model: Classifier, images: Any, explanation: Explanation, *, progress: Progress | None = None
    ) -> None:
        """Count the maps of some images. After an error, none of them is counted.

        Parameters
        ----------
        model, images, explanation
            As in `Deletion`; the model was loaded from a file.
        progress
            Called with (done, total), in layers, after each.

        Raises
        ------
        InputError, ModelError
            As `randomized_models` and `Classifier.explain`; or the explanation is of another model, method or images.
        """
        photos, names, found = each_photo(images), list[str](), list[NDArray[np.float32]]()
        self._check(model, len(photos), explanation)
        options = {"noise": self.noise, "seed": self.seed, "cascading": self.cascading}
        for name, other in randomized_models(model, stages=self.stages, **options):
            again = other.explain(photos, class_index=explanation.class_index, method=explanation.method)
            names.append(name)
            found.append(_similarities(explanation, again, model.vision.target))
            if progress is not None:
                progress(len(names), self.stages)
        if self.layers not in ((), tuple(names)):
            raise InputError(f"model: expected the layers {self.layers}, as before; got {tuple(names)}")
        self.method, self.layers = explanation.method, tuple(names)
        self._rows.append(np.stack(found, axis=1))

    def values_of(self, rows: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        values = rows.astype(np.float64)
        return {"spearman": values[..., 0], "ssim": values[..., 1]}

    def summary(self) -> dict[str, Any]:
        return {**super().summary(), "layers": list(self.layers)}


def _check_options(stages: Any, noise: Any) -> None:
    if not is_whole(stages) or stages < 1:
        raise InputError(f"stages: expected a whole number from 1; got {stages!r}")
    if noise not in ("permuted", "normal"):
        raise InputError(f"noise: expected 'permuted' or 'normal'; got {noise!r}")


def _similarities(ours: Explanation, theirs: Explanation, size: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the rank correlation and structural similarity (maps, 2) of each pair."""
    from scipy.stats import spearmanr
    from skimage.metrics import structural_similarity

    maps, others = (e.activation_maps.reshape(-1, *e.activation_maps.shape[2:]) for e in (ours, theirs))
    pairs = []
    for one, other in zip(maps, others, strict=True):
        varies = np.ptp(one) > 0 and np.ptp(other) > 0
        rank: Any = spearmanr(one.ravel(), other.ravel())[0] if varies else 0.0
        pairs.append((rank, structural_similarity(heatmaps(one, size), heatmaps(other, size), data_range=1.0)))
    return np.array(pairs, np.float32)

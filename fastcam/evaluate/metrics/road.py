"""ROAD, remove and debias: pixels are replaced by means of their neighbours, so that no mask can be seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.scalars import is_number, is_whole
from fastcam.errors import InputError
from fastcam.evaluate.metrics.deletion import most_relevant_first
from fastcam.evaluate.metrics.faithfulness import Faithfulness, Floats
from fastcam.evaluate.metrics.metric import Figure

# Of a pixel's direct and diagonal neighbours.
NEIGHBOURS = {
    (dy, dx): 1 / 6 if 0 in (dy, dx) else 1 / 12 for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)
}


def impute(image: Floats, removed: NDArray[np.bool_]) -> Floats:
    """Return an image whose removed pixels are weighted means of their neighbours, removed ones included.

    `x_i = sum_j w_ij x_j / sum_j w_ij` over the neighbours j in the image, `w_ij` = 1/6 for direct and 1/12 for
    diagonal ones; one sparse linear system for all removed pixels. Rong et al. 2022, "A Consistent and Efficient
    Evaluation Strategy for Attribution Methods", section 4.2, without its noise.

    Parameters
    ----------
    image
        (C, H, W) float32.
    removed
        (H, W) bool; not all of them.

    Returns
    -------
    (C, H, W) float32

    Raises
    ------
    InputError
        All pixels are removed; or another shape.

    Examples
    --------
    >>> impute(np.array([[[0, 9, 6]]], np.float32), np.array([[False, True, False]]))
    array([[[0., 3., 6.]]], dtype=float32)
    """
    from scipy.sparse import csc_matrix
    from scipy.sparse.linalg import splu

    if removed.dtype != np.bool_ or removed.shape != image.shape[1:] or removed.all():
        raise InputError(f"removed: expected {image.shape[1:]} bool, not all True; got {removed.shape} {removed.dtype}")
    rows, columns = np.nonzero(removed)
    if not len(rows):
        return image.copy()
    number = np.full(removed.shape, -1)
    number[rows, columns] = np.arange(len(rows))
    own = np.zeros(len(rows))
    known = np.zeros((len(rows), len(image)))
    entries: list[tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.float64]]] = []
    for (dy, dx), weight in NEIGHBOURS.items():
        y, x = rows + dy, columns + dx
        inside = np.flatnonzero((y >= 0) & (y < removed.shape[0]) & (x >= 0) & (x < removed.shape[1]))
        y, x = y[inside], x[inside]
        own[inside] += weight
        missing = removed[y, x]
        known[inside[~missing]] += weight * image[:, y[~missing], x[~missing]].T
        entries.append((inside[missing], number[y[missing], x[missing]], np.full(missing.sum(), -weight)))
    diagonal = np.arange(len(rows))
    i, j, values = (np.concatenate(parts) for parts in zip((diagonal, diagonal, own), *entries, strict=True))
    system = csc_matrix((values, (i, j)), shape=(len(rows), len(rows)))
    # Symmetric and positive definite, so that no pivots are needed, and fewer numbers are filled in.
    solved = splu(system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    filled = image.copy()
    filled[:, rows, columns] = solved.solve(known).T
    return filled


@dataclass(eq=False, kw_only=True)
class Road(Faithfulness):
    """The score without the most, and without the least relevant pixels, imputed.

    Rong et al. 2022, "A Consistent and Efficient Evaluation Strategy for Attribution Methods" (ROAD): noisy linear
    imputation (`impute`) of a fraction of the pixels, the means of the scores over all fractions:

    - `road_morf`, the most relevant first: less is better;
    - `road_lerf`, the least relevant first: more is better;
    - `road`, `(lerf - morf) / 2` in [-0.5, 0.5], as in pytorch-grad-cam: more is better, 0 is chance.

    Cost: two forwards and two sparse systems for each fraction.

    Parameters
    ----------
    fractions
        Of pixels removed, each in (0, 1).
    noise
        Standard deviation of the noise on imputed pixels, in units of the network input. It is the same for all images,
        so that shards add up.
    seed
        Of the noise.
    batch_size
        As in `Faithfulness`.

    Examples
    --------
    >>> Road(fractions=(0.2, 0.5)).points
    4
    """

    name = "road"
    title = "ROAD"
    figures = (
        Figure("road_morf", "road morf", -1),
        Figure("road_lerf", "road lerf", 1),
        Figure("road", "road", 1, column="ROAD"),
    )

    fractions: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    noise: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            self.fractions = tuple(float(one) for one in self.fractions)
        except (TypeError, ValueError):
            raise InputError(f"fractions: expected numbers in (0, 1); got {self.fractions!r}") from None
        if not self.fractions or not all(0 < one < 1 for one in self.fractions):
            raise InputError(f"fractions: expected numbers in (0, 1), at least one; got {self.fractions!r}")
        if not is_number(self.noise) or not 0 <= self.noise < float("inf"):
            raise InputError(f"noise: expected a standard deviation from 0; got {self.noise!r}")
        if not is_whole(self.seed) or self.seed < 0:
            raise InputError(f"seed: expected a whole number from 0; got {self.seed!r}")

    @property
    def points(self) -> int:
        return 2 * len(self.fractions)

    def changed(self, image: Floats, relevance: Floats) -> Iterator[Floats]:
        order = most_relevant_first(relevance)
        rng = np.random.default_rng(self.seed)
        noise = np.float32(self.noise) * rng.standard_normal(image.shape, np.float32)
        for places in (order, order[::-1]):
            for fraction in self.fractions:
                removed = np.zeros(relevance.size, bool)
                removed[places[: min(round(fraction * len(places)), len(places) - 1)]] = True
                removed = removed.reshape(relevance.shape)
                yield impute(image, removed) + np.where(removed, noise, np.float32(0))

    def values_of(self, rows: Floats) -> dict[str, NDArray[np.float64]]:
        scores = rows.astype(np.float64)
        count = len(self.fractions)
        morf, lerf = scores[:, 1 : 1 + count].mean(axis=1), scores[:, 1 + count :].mean(axis=1)
        return {"road_morf": morf, "road_lerf": lerf, "road": (lerf - morf) / 2}

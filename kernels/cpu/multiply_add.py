"""The inner loop of the weighted channel sum, on tiles of sums that stay in vector registers.

Numba's own loops load and store the sums for every few channels, and end every row of 7×7 positions with a scalar
remainder. With sums in registers, one class takes two thirds of the time and five classes take half (2048×7×7, L2
cache).
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 8  # a vector of float32: one AVX register, two of SSE or NEON
UNALIGNED = 4  # bytes: rows of any length start anywhere


def tile(classes: int, panels: int) -> Any:
    """Return multiply_add for tiles of `classes` × `panels` of LANES positions.

    multiply_add(features, row, weights, class_index, m, channel, count, position, sums):
    sums[m + r, q] += weights[class_index[m + r], channel + i] * features[row + i, q], for i = 0, 1, ... count - 1 in
    turn, for r < classes and q in `panels` panels from `position` on; each product and each sum rounded to float32.

    features (·, P >= LANES) float32, weights (K, C) float32, class_index (M,) int64, sums (M, whole tiles) float32.
    Nothing beyond P is read: the last panel takes the last LANES positions, so its sums are further right than they
    belong.
    """

    @intrinsic
    def multiply_add(typing_context, features, row, weights, class_index, m, channel, count, position, sums):
        n = types.intp
        signature = types.void(features, n, weights, class_index, n, n, n, n, sums)
        return signature, lambda context, builder, _, arguments: _emit(context, builder, signature, arguments)

    def _emit(context, builder, signature, arguments):
        _, row, _, _, m, channel, count, position, _ = arguments
        arrays = {i: context.make_array(signature.args[i])(context, builder, arguments[i]) for i in (0, 2, 3, 8)}
        features, weights, class_index, sums = (_Rows(builder, array) for array in arrays.values())
        number = context.get_value_type(types.intp)
        last = builder.sub(features.width, number(LANES))
        columns = [builder.add(position, number(LANES * p)) for p in range(panels)]
        sources = [builder.select(builder.icmp_signed("<", x, last), x, last) for x in columns]
        rows = [builder.add(m, number(r)) for r in range(classes)]
        chosen = [weights.element(builder.load(builder.gep(class_index.data, [r])), channel) for r in rows]
        firsts = [features.element(row, x) for x in sources]
        places = [[sums.vector(r, x) for x in columns] for r in rows]
        start = [[builder.load(place, align=UNALIGNED) for place in line] for line in places]

        before, loop, done = builder.block, *(builder.append_basic_block(name) for name in ("channels", "done"))
        builder.branch(loop)
        builder.position_at_end(loop)
        i = builder.phi(number)
        totals = [[builder.phi(VECTOR) for _ in line] for line in start]
        below = [builder.gep(first, [builder.mul(i, features.width)]) for first in firsts]
        parts = [builder.load(builder.bitcast(place, VECTOR.as_pointer()), align=UNALIGNED) for place in below]
        scalars = [builder.load(builder.gep(first, [i])) for first in chosen]
        added = [
            [
                builder.fadd(total, builder.fmul(_spread(builder, scalar), part))
                for total, part in zip(line, parts, strict=True)
            ]
            for line, scalar in zip(totals, scalars, strict=True)
        ]
        following = builder.add(i, number(1))
        for phi, first, again in [(i, number(0), following), *zip(*map(_flat, (totals, start, added)), strict=True)]:
            phi.add_incoming(first, before)
            phi.add_incoming(again, loop)
        builder.cbranch(builder.icmp_signed("<", following, count), loop, done)
        builder.position_at_end(done)
        for place, total in zip(_flat(places), _flat(added), strict=True):
            builder.store(total, place, align=UNALIGNED)
        return context.get_dummy_value()

    return multiply_add


VECTOR = ir.VectorType(ir.FloatType(), LANES)


class _Rows:
    """Addresses in a C-contiguous array of one or two axes."""

    def __init__(self, builder: Any, array: Any) -> None:
        self._builder = builder
        self.data = array.data
        self.width = cgutils.unpack_tuple(builder, array.shape)[-1]

    def element(self, row: Any, column: Any) -> Any:
        return self._builder.gep(self.data, [self._builder.add(self._builder.mul(row, self.width), column)])

    def vector(self, row: Any, column: Any) -> Any:
        return self._builder.bitcast(self.element(row, column), VECTOR.as_pointer())


def _spread(builder: Any, scalar: Any) -> Any:
    """Return the vector with the scalar in every lane."""
    nothing, index = ir.Constant(VECTOR, ir.Undefined), ir.IntType(32)
    first = builder.insert_element(nothing, scalar, index(0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(index, LANES), [0] * LANES))


def _flat(table: Any) -> list[Any]:
    return [value for line in table for value in line]

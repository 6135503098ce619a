"""Tokens: a patch embedding, one block of attention, and the heads that vision transformers have."""

from functools import partial

import numpy as np

from tests.zoo.case import B, case, noise

WIDE, TOKENS = 10, 54
HEAD = noise(31, 5, WIDE)
STORED = {
    "pk": noise(21, WIDE, 3, 4, 4) / 7,
    "pb": noise(22, WIDE) / 4,
    "grid": [0, WIDE, -1],
    "wq": noise(23, WIDE, WIDE) / 3,
    "wk": noise(24, WIDE, WIDE) / 3,
    "wv": noise(25, WIDE, WIDE) / 3,
    "w1": noise(26, WIDE, 12) / 3,
    "w2": noise(27, 12, WIDE) / 3,
    "gain": 1 + noise(28, WIDE) / 4,
    "lift": noise(29, WIDE) / 4,
    "hw": HEAD,
    "zero": [0],
    "one": [1],
    "query": noise(32, 1, WIDE),
}
PATCHES = (
    "e = Conv<strides = [4, 4]>(image, pk, pb) flat = Reshape(e, grid) patches = Transpose<perm = [0, 2, 1]>(flat) "
)
JOIN = (
    "s = Shape(image) batch = Slice(s, zero, one) whole = Concat<axis = 0>(batch, prefix_shape) "
    "prefix = Expand(registers, whole) joined = Concat<axis = 1>(prefix, patches) t = Add(joined, position) "
)
BLOCK = (
    "n1 = LayerNormalization<axis = -1>(t, gain, lift) qq = MatMul(n1, wq) kk = MatMul(n1, wk) vv = MatMul(n1, wv) "
    "kt = Transpose<perm = [0, 2, 1]>(kk) scores = MatMul(qq, kt) a = Softmax<axis = -1>(scores) at = MatMul(a, vv) "
    "y = Add(t, at) n2 = LayerNormalization<axis = -1>(y, gain, lift) m1 = MatMul(n2, w1) m2 = Relu(m1) "
    "m3 = MatMul(m2, w2) x = Add(y, m3) "
)
NORM = "normed = LayerNormalization<axis = -1>(x, gain, lift) "
MEAN = "q = ReduceMean<axes = [1], keepdims = 0>"
FC = "logits = Gemm<transB = 1>(q, hw, b)"
FIRST = "q = Gather<axis = 1>(normed, first)"
PLAIN = f"{PATCHES} t = Add(patches, position) {BLOCK}"
ATTEND = (
    "k2 = MatMul(normed, wk) v2 = MatMul(normed, wv) k3 = Transpose<perm = [0, 2, 1]>(k2) s2 = MatMul(query, k3) "
    "a2 = Softmax<axis = -1>(s2) o2 = MatMul(a2, v2) "
)


def stored(prefix=0, **more):
    """The weights, for tokens of which the first few stand for no patch."""
    return {
        **STORED,
        "position": noise(33, 1, prefix + TOKENS, WIDE) / 2,
        "registers": noise(34, 1, prefix, WIDE),
        "prefix_shape": [prefix, WIDE],
        **more,
    }


def row(*values):
    """Weights of the tokens, to multiply from the left."""
    return np.asarray([values], np.float32)


NLC = {"layout": "NLC", "weights": HEAD, "bias": B}
NORMED = {**NLC, "feature_maps": ("normed",), "stored": stored()}
KEPT = {**NLC, "feature_maps": ("kept",)}
POOL = {"kind": "pool-nonlinear", "layout": "NLC", "feature_maps": ("normed",)}
UNCHECKED = {"kind": "pool-nonlinear", "layout": "NLC", "feature_maps": (), "prefix": 1}
SQUARE = {"pk": noise(21, 16, 3, 4, 4) / 7, "pb": noise(22, 16) / 4, "hw": noise(31, 5, 16), "turn": [0, 16, -1]}

# Without: name → (nodes after x, the tokens that leave the block, options of `case`)
PLAIN_HEADS = {
    "mean": (f"{NORM} {MEAN}(normed) {FC}", NORMED),
    "mean-by-einsum": (
        f'{NORM} sum = Einsum<equation = "nlc->nc">(normed) q = Div(sum, count) {FC}',
        {**NORMED, "stored": stored(count=np.float32(TOKENS))},
    ),
    "mean-without-norm": (f"{MEAN}(x) {FC}", {**NORMED, "feature_maps": ("x",)}),
    "average-pool-over-channels-first": (
        f"{NORM} turned = Transpose<perm = [0, 2, 1]>(normed) p = AveragePool<kernel_shape = [54]>(turned) "
        f"q = Flatten(p) {FC}",
        {**NORMED, "feature_maps": ("turned",), "layout": "NCL", "also": {"normed": ("NLC", 0)}},
    ),
    "global-average-pool-over-channels-first": (
        f"{NORM} turned = Transpose<perm = [0, 2, 1]>(normed) p = GlobalAveragePool(turned) q = Squeeze(p, two) {FC}",
        {
            **NORMED,
            "stored": stored(two=[2]),
            "feature_maps": ("turned",),
            "layout": "NCL",
            "also": {"normed": ("NLC", 0)},
        },
    ),
    "as-a-map-again": (
        f"{NORM} turned = Transpose<perm = [0, 2, 1]>(normed) maps = Reshape(turned, image_shape) "
        f"p = GlobalAveragePool(maps) q = Flatten(p) {FC}",
        {
            **NORMED,
            "stored": stored(image_shape=[0, WIDE, 6, 9]),
            "feature_maps": ("maps",),
            "layout": "NCHW",
            "also": {"normed": ("NLC", 0), "turned": ("NCL", 0)},
        },
    ),
    "as-a-map-channels-last": (
        f"{NORM} last = Reshape(normed, image_shape) q = ReduceMean<axes = [1, 2], keepdims = 0>(last) {FC}",
        {
            **NORMED,
            "stored": stored(image_shape=[0, 6, 9, WIDE]),
            "feature_maps": ("last",),
            "layout": "NHWC",
            "also": {"normed": ("NLC", 0)},
        },
    ),
    "norm-after-the-mean": (
        f"{MEAN}(x) n = LayerNormalization<axis = -1>(q, gain, lift) logits = Gemm<transB = 1>(n, hw, b)",
        {"kind": "gap-nonlinear", "layout": "NLC", "feature_maps": ("x",), "stored": stored()},
    ),
    "maximum": (f"{NORM} q = ReduceMax<axes = [1], keepdims = 0>(normed) {FC}", {**POOL, "stored": stored()}),
    "attention-pooling": (f"{NORM} {ATTEND} q = Squeeze(o2, one) {FC}", {**POOL, "stored": stored()}),
    "flattened": (
        f"{NORM} q = Flatten(normed) logits = Gemm<transB = 1>(q, v, b)",
        {
            "kind": "cam-spatial",
            "layout": "NLC",
            "feature_maps": ("normed",),
            "stored": stored(v=noise(35, 5, TOKENS * WIDE) / 16),
            "weights": noise(35, 5, 6, 9, WIDE).transpose(0, 3, 1, 2) / 16 * TOKENS,
            "bias": B,
        },
    ),
}

# With tokens before those of the patches: name → (nodes after x, options of `case`)
PREFIXED_HEADS = {
    "mean-behind-one-sliced-off": (
        f"{NORM} kept = Slice(normed, one, end, one) {MEAN}(kept) {FC}",
        {**KEPT, "also": {"normed": ("NLC", 1)}, "stored": stored(1, end=[np.iinfo(np.int64).max])},
    ),
    "mean-behind-five-split-off": (
        f"{NORM} rest, kept = Split<axis = 1>(normed, parts) {MEAN}(kept) {FC}",
        {**KEPT, "also": {"normed": ("NLC", 5)}, "stored": stored(5, parts=[5, TOKENS])},
    ),
    "mean-behind-one-not-gathered": (
        f"{NORM} kept = Gather<axis = 1>(normed, patch_indices) {MEAN}(kept) {FC}",
        {**KEPT, "also": {"normed": ("NLC", 1)}, "stored": stored(1, patch_indices=np.arange(1, TOKENS + 1))},
    ),
    "mean-behind-one-of-weight-zero": (
        f"{NORM} r = MatMul(share, normed) q = Squeeze(r, one) {FC}",
        {**NORMED, "prefix": 1, "stored": stored(1, share=row(0, *[1 / TOKENS] * TOKENS))},
    ),
    "mean-behind-five-of-weight-zero": (
        f"{NORM} r = MatMul(share, normed) q = Squeeze(r, one) {FC}",
        {**NORMED, "prefix": 5, "stored": stored(5, share=row(*[0] * 5, *[1 / TOKENS] * TOKENS))},
    ),
    "mean-of-all": (f"{NORM} {MEAN}(normed) {FC}", {**POOL, "prefix": 1, "stored": stored(1)}),
    "class-token-beside-the-mean": (
        f"{NORM} f0, kept = Split<axis = 1>(normed, parts) c0 = Squeeze(f0, one) {MEAN}(kept) "
        "both = Concat<axis = 1>(c0, q) logits = Gemm<transB = 1>(both, v, b)",
        {**POOL, "prefix": 1, "stored": stored(1, parts=[1, TOKENS], v=noise(36, 5, 2 * WIDE))},
    ),
    "class-token": (f"{NORM} {FIRST} {FC}", {**UNCHECKED, "stored": stored(1, first=np.array(0))}),
    "class-token-sliced-before-the-norm": (
        f"c0 = Slice(x, zero, one, one) n = LayerNormalization<axis = -1>(c0, gain, lift) q = Squeeze(n, one) {FC}",
        {**UNCHECKED, "stored": stored(1)},
    ),
    "class-and-distillation-tokens": (
        f"{NORM} {FIRST} r = Gemm<transB = 1>(q, hw, b) q2 = Gather<axis = 1>(normed, second) "
        "r2 = Gemm<transB = 1>(q2, v, b) both = Add(r, r2) logits = Div(both, count)",
        {
            **UNCHECKED,
            "prefix": 2,
            "stored": stored(2, first=np.array(0), second=np.array(1), v=noise(36, 5, WIDE), count=np.float32(2)),
        },
    ),
}

CASES = {
    **{f"tokens-{name}": partial(case, f"{PLAIN} {nodes}", **kept) for name, (nodes, kept) in PLAIN_HEADS.items()},
    **{
        f"tokens-{name}": partial(case, f"{PATCHES} {JOIN} {BLOCK} {nodes}", **kept)
        for name, (nodes, kept) in PREFIXED_HEADS.items()
    },
    "tokens-as-many-as-channels": partial(
        case,
        "e = Conv<strides = [4, 4]>(image, pk, pb) flat = Reshape(e, turn) patches = Transpose<perm = [0, 2, 1]>(flat) "
        f"kept = Relu(patches) {MEAN}(kept) {FC}",
        inputs="float[N, 3, 16, 16] image",
        stored=SQUARE,
        **{**KEPT, "weights": SQUARE["hw"]},
    ),
    "tokens-as-many-as-channels-channels-first": partial(
        case,
        "e = Conv<strides = [4, 4]>(image, pk, pb) flat = Reshape(e, turn) kept = Relu(flat) "
        f"q = ReduceMean<axes = [2], keepdims = 0>(kept) {FC}",
        inputs="float[N, 3, 16, 16] image",
        stored=SQUARE,
        **{**KEPT, "weights": SQUARE["hw"], "layout": "NCL"},
    ),
}

"""Heads of networks over signals (N, C, L), and over volumes and clips (N, C, D, H, W)."""

from functools import partial

from tests.zoo.case import CHANNELS, CLASSES, GEMM, B, W, case, noise

SIGNAL = "float[N, 2, 48] image"
VOLUME = "float[N, 2, 8, 12, 16] image"
KERNELS = {"k": noise(1, CHANNELS, 2, 5) / 3, "v": noise(1, CHANNELS, 2, 3, 3, 3) / 4}
CONV1 = "f = Conv<strides = [4], pads = [2, 2]>(image, k, c) maps = Relu(f)"
CONV3 = "f = Conv<strides = [2, 4, 4], pads = [1, 1, 1, 1, 1, 1]>(image, v, c) maps = Relu(f)"
POOL = "p = GlobalAveragePool(maps) q = Flatten(p)"
LARGEST = "p = GlobalMaxPool(maps) q = Flatten(p)"
TOKENS = f"{CONV1} t = Transpose<perm = [0, 2, 1]>(maps) n = Shape<start = 0, end = 1>(image)"
TOKENS += " ns = Concat<axis = 0>(n, rest) cls = Expand(token, ns) tokens = Concat<axis = 1>(cls, t)"
ATTENTION = "u = Transpose<perm = [0, 2, 1]>(tokens) s = MatMul(tokens, u) a = Softmax(s) seen = MatMul(a, tokens)"
CLASS_TOKEN = {"token": noise(6, 1, 1, CHANNELS), "rest": [1, CHANNELS]}
PLACES1, PLACES3 = (12,), (4, 3, 4)
SPATIAL = {n: noise(9, CLASSES, CHANNELS, *places) / 3 for n, places in ((1, PLACES1), (3, PLACES3))}

MODELS = {
    "signal-mean": (SIGNAL, f"{CONV1} {POOL} {GEMM}", "cam", {}),
    "signal-mean-by-reduction": (SIGNAL, f"{CONV1} q = ReduceMean<axes = [2], keepdims = 0>(maps) {GEMM}", "cam", {}),
    "signal-channels-last": (
        "float[N, 48, 2] last",
        f"image = Transpose<perm = [0, 2, 1]>(last) {CONV1} {POOL} {GEMM}",
        "cam",
        {},
    ),
    "signal-of-few-samples": ("float[N, 2, L] image", f"{CONV1} {POOL} {GEMM}", "cam", {}),
    "signal-class-maps": (
        SIGNAL,
        f"{CONV1} r = Conv(maps, w1, b) g = GlobalAveragePool(r) logits = Flatten(g)",
        "cam",
        {"stored": {"w1": W[:, :, None]}, "weights": None, "bias": None, "feature_maps": ("r", "maps")},
    ),
    "signal-largest": (SIGNAL, f"{CONV1} {LARGEST} {GEMM}", "pool-nonlinear", {}),
    "signal-flattened": (SIGNAL, f"{CONV1} q = Flatten(maps) {GEMM}", "cam-spatial", {"spatial": 1}),
    "signal-tokens-with-a-class-token": (
        SIGNAL,
        f"{TOKENS} {ATTENTION} m = Slice(seen, one, many, one) q = ReduceMean<axes = [1], keepdims = 0>(m) {GEMM}",
        "cam",
        {"stored": {**CLASS_TOKEN, "one": [1], "many": [999]}, "layout": "NWC", "feature_maps": ("m",)},
    ),
    "signal-embeddings": (
        "float[N, 16, 9] image",
        f"h = MatMul(image, e) maps = Relu(h) q = ReduceMean<axes = [1], keepdims = 0>(maps) {GEMM}",
        "cam",
        {"stored": {"e": noise(5, 9, CHANNELS)}, "layout": "NWC"},
    ),
    "signal-recurrent": (
        SIGNAL,
        f"{CONV1} t = Transpose<perm = [2, 0, 1]>(maps) y, h = LSTM<hidden_size = 7>(t, wi, wr) "
        f"q = Squeeze(h, first) {GEMM}",
        "not-exact",
        {"stored": {"wi": noise(1, 1, 28, CHANNELS), "wr": noise(2, 1, 28, 7), "first": [0]}},
    ),
    "volume-mean": (VOLUME, f"{CONV3} {POOL} {GEMM}", "cam", {}),
    "volume-channels-last": (
        "float[N, 8, 12, 16, 2] last",
        f"image = Transpose<perm = [0, 4, 1, 2, 3]>(last) {CONV3} {POOL} {GEMM}",
        "cam",
        {},
    ),
    "volume-maps-last": (
        VOLUME,
        f"{CONV3} l = Transpose<perm = [0, 2, 3, 4, 1]>(maps) q = ReduceMean<axes = [1, 2, 3], keepdims = 0>(l) {GEMM}",
        "cam",
        {"also": {"l": ("NDHWC", 0)}},
    ),
    "volume-of-open-size": ("float[N, 2, D, H, W] image", f"{CONV3} {POOL} {GEMM}", "cam", {}),
    "volume-largest": (VOLUME, f"{CONV3} {LARGEST} {GEMM}", "pool-nonlinear", {}),
    "volume-flattened": (VOLUME, f"{CONV3} q = Flatten(maps) {GEMM}", "cam-spatial", {"spatial": 3}),
    "volume-mean-of-mean-and-largest": (
        VOLUME,
        f"{CONV3} g = GlobalAveragePool(maps) h = GlobalMaxPool(maps) p = Add(g, h) q = Flatten(p) {GEMM}",
        "pool-nonlinear",
        {},
    ),
    "clip-in-two-steps": (
        VOLUME,
        "f = Conv<strides = [1, 4, 4]>(image, s) g = Conv<pads = [1, 0, 0, 1, 0, 0]>(f, t, c) maps = Relu(g) "
        f"{POOL} {GEMM}",
        "cam",
        {"stored": {"s": noise(1, 4, 2, 1, 3, 3) / 3, "t": noise(2, CHANNELS, 4, 3, 1, 1) / 3}},
    ),
    "clip-whose-frames-are-a-batch": (
        VOLUME,
        "t = Transpose<perm = [0, 2, 1, 3, 4]>(image) r = Reshape(t, frames) f = Conv<strides = [2, 2]>(r, s, c) "
        f"x = Relu(f) p = GlobalAveragePool(x) y = Reshape(p, back) q = ReduceMean<axes = [1], keepdims = 0>(y) {GEMM}",
        "none",
        {"stored": {"s": noise(1, CHANNELS, 2, 3, 3) / 3, "frames": [-1, 2, 12, 16], "back": [-1, 8, CHANNELS]}},
    ),
    "signal-folded-into-an-image": (
        SIGNAL,
        f"r = Reshape(image, plane) f = Conv(r, s, c) x = Relu(f) p = GlobalAveragePool(x) q = Flatten(p) {GEMM}",
        "none",
        {"stored": {"s": noise(1, CHANNELS, 2, 3, 3) / 3, "plane": [0, 2, 6, 8]}},
    ),
}


def _case(inputs, body, kind, fields):
    fields = {"stored": {}, **fields}
    rank = fields.pop("spatial", 0)
    if rank:
        weights = SPATIAL[rank]
        fields["stored"] = {"w": weights.reshape(CLASSES, -1) / weights[0, 0].size, **fields["stored"]}
        fields |= {"weights": weights, "bias": B}
    layout = {"layout": "NCW" if inputs.count(",") == 2 else "NCDHW"}
    if kind in ("none", "not-exact"):
        fields["feature_maps"] = ()
    stored = {**KERNELS, **fields.pop("stored")}
    return case(body, kind, inputs=inputs, **{**layout, "options": {"preprocess": "raw"}, **fields}, stored=stored)


CASES = {f"ranks-{name}": partial(_case, *parts) for name, parts in MODELS.items()}

"""Models whose outputs are no scores of classes: name → (what it seems to be, builder of its bytes), in `OTHERS`.

Most have a backbone with three grids: 16×24, 8×12 and 4×6 for an image of 64×96.
"""

import re
from functools import partial
from typing import Any

import numpy as np

from tests.model.models import build
from tests.zoo.case import noise

IMAGE = "float[N, 3, 64, 96] image"
BACKBONE = (
    "c1 = Conv<strides = [4, 4], pads = [1, 1, 1, 1]>(image, k1) p1 = Relu(c1) "
    "c2 = Conv<strides = [2, 2], pads = [1, 1, 1, 1]>(p1, k2) p2 = Relu(c2) "
    "c3 = Conv<strides = [2, 2], pads = [1, 1, 1, 1]>(p2, k3) p3 = Relu(c3)"
)
STORED = {"k1": noise(1, 8, 3, 5, 5) / 8, "k2": noise(2, 8, 8, 3, 3) / 8, "k3": noise(3, 8, 8, 3, 3) / 8}
ALL = 16 * 24 + 8 * 12 + 4 * 6
POOLED = f"{BACKBONE} g = GlobalAveragePool(p3) v = Flatten(g)"


def model(body: str, outputs: str, inputs: str = IMAGE, **stored: Any) -> bytes:
    """The bytes of some nodes, with the stored arrays that they name."""
    used: dict[str, Any] = {
        name: value for name, value in {**STORED, **stored}.items() if re.search(rf"\b{name}\b", body)
    }
    return build(body, inputs, outputs, **used)


def rows(entries: int, boxes: int = 1, last: bool = True) -> tuple[str, dict[str, Any]]:
    """Nodes that make a row of entries for each box of the three grids, batch first: "all"."""
    steps = [BACKBONE]
    for level in (1, 2, 3):
        steps.append(f"h{level} = Conv(p{level}, e{level})")
        if last:
            steps.append(f"t{level} = Transpose<perm = [0, 2, 3, 1]>(h{level}) r{level} = Reshape(t{level}, rows)")
        else:
            steps.append(f"r{level} = Reshape(h{level}, columns)")
    steps.append(f"all = Concat<axis = {1 if last else 2}>(r1, r2, r3)")
    stored: dict[str, Any] = {f"e{level}": noise(level, boxes * entries, 8, 1, 1) for level in (1, 2, 3)}
    return " ".join(steps), {**stored, "rows": [0, -1, entries], "columns": [0, entries, -1]}


def yolo_v5(entries=85, boxes=3):
    body, stored = rows(entries, boxes)
    return model(f"{body} out = Sigmoid(all)", f"float[N, {boxes * ALL}, {entries}] out", **stored)


def yolo_v8(classes=80):
    body, stored = rows(4 + classes, last=False)
    return model(f"{body} out = Identity(all)", f"float[N, {4 + classes}, {ALL}] out", **stored)


def yolox(classes=30):
    body, stored = rows(5 + classes)
    return model(f"{body} out = Identity(all)", f"float[N, {ALL}, {5 + classes}] out", **stored)


def yolo_v10():
    body, stored = rows(84)
    body += (
        " s = ReduceMax<axes = [2], keepdims = 0>(all) best, which = TopK<axis = 1>(s, few) "
        "i = Unsqueeze(which, two) w = Expand(i, six) out = GatherElements<axis = 1>(all, w)"
    )
    return model(body, "float[N, 30, 6] out", **stored, few=[30], two=[2], six=[1, 30, 6])


def yolo_v2(channels=125):
    return model(f"{BACKBONE} out = Conv(p3, e)", f"float[N, {channels}, 4, 6] out", e=noise(5, channels, 8, 1, 1))


def yolo_v3(channels=255):
    heads = " ".join(f"o{level} = Conv(p{level}, e{level})" for level in (1, 2, 3))
    outputs = f"float[N, {channels}, 16, 24] o1, float[N, {channels}, 8, 12] o2, float[N, {channels}, 4, 6] o3"
    stored: dict[str, Any] = {f"e{level}": noise(level, channels, 8, 1, 1) for level in (1, 2, 3)}
    return model(f"{BACKBONE} {heads}", outputs, **stored)


def ssd(classes=21, names=("scores", "boxes")):
    body, stored = rows(classes + 4, 6)
    body += f" {names[0]} = Slice(all, zero, classes, two) {names[1]} = Slice(all, classes, end, two)"
    outputs = f"float[N, {6 * ALL}, {classes}] {names[0]}, float[N, {6 * ALL}, 4] {names[1]}"
    return model(body, outputs, **stored, zero=[0], classes=[classes], end=[1000], two=[2])


def one_score_a_box(numbers=16, axis=True):
    """One score for each anchor, beside corners, sizes or key points: a vector that looks like one of classes."""
    body, stored = rows(1 + numbers, 2)
    body += " s = Slice(all, zero, one, two) boxes = Slice(all, one, end, two)"
    body += " scores = Sigmoid(s)" if axis else " scores = Squeeze(s, two)"
    shape = f"N, {2 * ALL}, 1" if axis else f"N, {2 * ALL}"
    outputs = f"float[{shape}] scores, float[N, {2 * ALL}, {numbers}] boxes"
    return model(body, outputs, **stored, zero=[0], one=[1], end=[99], two=[2])


def yolo_v4():
    body, stored = rows(5)
    body += " b = Slice(all, zero, four, two) boxes = Unsqueeze(b, two) confs = Slice(all, four, end, two)"
    outputs = f"float[N, {ALL}, 1, 4] boxes, float[N, {ALL}, 1] confs"
    return model(body, outputs, **stored, zero=[0], four=[4], end=[9], two=[2])


def anchors_alone():
    body, stored = rows(1, 2)
    return model(f"{body} out = Squeeze(all, two)", f"float[N, {2 * ALL}] out", **stored, two=[2])


def flattened(channels=1, end="Identity"):
    """A map of scores that was flattened into a vector."""
    body = f"{BACKBONE} c = Conv(p3, e) f = Flatten(c) out = {end}(f)"
    return model(body, f"float[N, {channels * 24}] out", e=noise(1, channels, 8, 1, 1))


def columns(shape):
    """One score for each column."""
    body = f"{BACKBONE} line = ReduceMean<axes = [2]>(p3) c = Conv(line, e) out = Reshape(c, shape)"
    sides = ", ".join("N" if side < 0 else str(side) for side in shape)
    return model(body, f"float[{sides}] out", e=noise(1, 1, 8, 1, 1), shape=list(shape))


def retina(classes=10):
    heads = " ".join(f"s{n} = Conv(p{n}, e{n}) b{n} = Conv(p{n}, d{n})" for n in (1, 2, 3))
    sides = {1: "16, 24", 2: "8, 12", 3: "4, 6"}
    outputs = ", ".join(f"float[N, {classes}, {sides[n]}] s{n}, float[N, 4, {sides[n]}] b{n}" for n in (1, 2, 3))
    stored: dict[str, Any] = {f"e{n}": noise(n, classes, 8, 1, 1) for n in (1, 2, 3)}
    stored |= {f"d{n}": noise(n, 4, 8, 1, 1) for n in (1, 2, 3)}
    return model(f"{BACKBONE} {heads}", outputs, **stored)


def center_net(classes=80):
    body = f"{BACKBONE} q = Conv(p1, e) heat = Sigmoid(q) wh = Conv(p1, d) offset = Conv(p1, f)"
    outputs = f"float[N, {classes}, 16, 24] heat, float[N, 2, 16, 24] wh, float[N, 2, 16, 24] offset"
    return model(body, outputs, e=noise(1, classes, 8, 1, 1), d=noise(2, 2, 8, 1, 1), f=noise(3, 2, 8, 1, 1))


def detr(queries=10, classes=11):
    """Queries that attend to the tokens of the last grid."""
    body = (
        f"{BACKBONE} r = Reshape(p3, flat) s = MatMul(q, r) a = Softmax<axis = -1>(s) "
        "t = Transpose<perm = [0, 2, 1]>(r) o = MatMul(a, t) logits = MatMul(o, w) b = MatMul(o, v) pred_boxes = Sigmoid(b)"
    )
    outputs = f"float[N, {queries}, {classes}] logits, float[N, {queries}, 4] pred_boxes"
    stored = {"flat": [0, 8, -1], "q": noise(1, 1, queries, 8), "w": noise(2, 8, classes), "v": noise(3, 8, 4)}
    return model(body, outputs, **stored)


def suppressed():
    """Boxes after non-maximum suppression, however many there are."""
    body, stored = rows(5)
    body += (
        " bb = Slice(all, zero, four, two) s = Slice(all, four, end, two) sc = Transpose<perm = [0, 2, 1]>(s) "
        "kept = NonMaxSuppression(bb, sc, most, iou, least) i = Slice(kept, two, end, one) j = Squeeze(i, one) "
        "flat = Squeeze(bb, zero) boxes = Gather(flat, j) f2 = Reshape(s, minus) scores = Gather(f2, j)"
    )
    stored |= {"zero": [0], "four": [4], "end": [9], "two": [2], "one": [1], "minus": [-1], "most": np.array([10])}
    stored |= {"iou": np.array([0.5], np.float32), "least": np.array([-1e9], np.float32)}
    return model(body, "float[D, 4] boxes, float[D] scores", "float[1, 3, 64, 96] image", **stored)


def priors_first(classes=2, boxes=False):
    body, stored = rows(classes, 3)
    body += " t = Reshape(all, two) out = Softmax<axis = 1>(t)"
    outputs = f"float[P, {classes}] out"
    if boxes:
        more, kept = rows(4, 3)
        renamed = more.removeprefix(BACKBONE)
        for name in ("h", "t", "r", "e"):
            for level in (1, 2, 3):
                renamed = renamed.replace(f"{name}{level}", f"x{name}{level}")
        body += renamed.replace("all", "xall").replace("rows", "xrows") + " loc = Reshape(xall, xtwo)"
        outputs += ", float[P, 4] loc"
        stored |= {f"x{name}": value for name, value in kept.items()} | {"xtwo": [-1, 4]}
    return model(body, outputs, "float[1, 3, 64, 96] image", **stored, two=[-1, classes])


def segmenter(classes=21, end="", size="64, 96", kind="float", upsampled=True, last=False):
    body = f"{BACKBONE} m = Conv(p1, e)"
    body += ' u = Resize<mode = "linear">(m, , , sizes)' if upsampled else " u = Identity(m)"
    body += end or " out = Identity(u)"
    shape = f"N, {size}" if kind != "float" else f"N, {size}, {classes}" if last else f"N, {classes}, {size}"
    stored = {"e": noise(1, classes, 8, 1, 1), "sizes": [1, classes, 64, 96]}
    return model(body, f"{kind}[{shape}] out", "float[1, 3, 64, 96] image", **stored)


def image_to_image(channels=3, factor=1, end=" out = Identity(u)"):
    body = f'{BACKBONE} m = Conv(p1, e) u = Resize<mode = "linear">(m, , , sizes)' + end
    height, width = 64 * factor, 96 * factor
    stored = {"e": noise(1, channels, 8, 1, 1), "sizes": [1, channels, height, width]}
    return model(body, f"float[1, {channels}, {height}, {width}] out", "float[1, 3, 64, 96] image", **stored)


COLUMNS = "line = ReduceMean<axes = [2], keepdims = 0>(p1)"  # (N, 8, 24): the rows of a line of text averaged


def reader(first="N", recurrent="", end="Identity", classes=37):
    steps = f"{BACKBONE} {COLUMNS} t = Transpose<perm = {[2, 0, 1] if first == 'T' or recurrent else [0, 2, 1]}>(line)"
    if recurrent:
        gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[recurrent]
        steps += f" y, yh = {recurrent}<hidden_size = 8>(t, rw, rr) z = Squeeze(y, one)"
        steps += "" if first == "T" else " tt = Transpose<perm = [1, 0, 2]>(z)"
        tokens = "z" if first == "T" else "tt"
        stored = {"rw": noise(1, 1, 8 * gates, 8) / 4, "rr": noise(2, 1, 8 * gates, 8) / 4, "one": [1]}
    else:
        tokens, stored = "t", {}
    shape = f"24, N, {classes}" if first == "T" else f"N, 24, {classes}"
    return model(
        f"{steps} s = MatMul({tokens}, wc) out = {end}(s)", f"float[{shape}] out", **stored, wc=noise(3, 8, classes)
    )


def embedding(nodes, size=32, name="out", **stored):
    return model(f"{POOLED} e = MatMul(v, we) {nodes}", f"float[N, {size}] {name}", we=noise(1, 8, size), **stored)


def hidden_states(name="out"):
    body = f"{BACKBONE} r = Reshape(p2, flat) t = Transpose<perm = [0, 2, 1]>(r) {name} = MatMul(t, wt)"
    return model(body, f"float[N, 96, 48] {name}", flat=[0, 8, -1], wt=noise(1, 8, 48))


def folded(views=2, mean=True):
    """Crops of the image become images of a batch, whose scores are averaged."""
    image = "float[1, 3, 64, 96] image"
    crops = " ".join(f"x{n} = Slice(image, f{n}, t{n}, axes)" for n in range(views))
    batch = f"{crops} batch = Concat<axis = 0>({', '.join(f'x{n}' for n in range(views))})"
    body = f"{batch} {POOLED.replace('(image', '(batch')} l = MatMul(v, we) "
    body += "out = ReduceMean<axes = [0], keepdims = 1>(l)" if mean else "out = Identity(l)"
    stored = {f"f{n}": [n, n] for n in range(views)} | {f"t{n}": [56 + n, 88 + n] for n in range(views)}
    outputs = "float[1, 5] out" if mean else f"float[{views}, 5] out"
    return model(body, outputs, image, **stored, axes=[2, 3], we=noise(1, 8, 5))


NORM = "n = ReduceL2<axes = [1], keepdims = 1>(e) out = Div(e, n)"
NORM_LP = "out = LpNormalization<axis = 1, p = 2>(e)"
DETECTOR, SEGMENTER, READER = "a detector", "a segmenter", "a reader of sequences"
EMBEDDING, PICTURES, BACKBONES = "an embedding", "an image-to-image model", "a backbone"
PLACES = "(a detector|a segmenter|a reader of sequences)"  # which can't be told of a plain vector
FOLDED = "a model that makes a batch inside its graph"


def of_signals(ends, outputs):
    """A network over signals with five scores for each sample."""
    body = f"c = Conv<pads = [2, 2]>(signal, k) r = Relu(c) s = Conv(r, w) {ends}"
    return build(body, "float[N, 2, 64] signal", outputs, k=noise(1, 8, 2, 5), w=noise(2, 5, 8, 1))


def of_volumes(ends, outputs):
    """A network over volumes with five scores for each voxel."""
    body = f"c = Conv<pads = [1, 1, 1, 1, 1, 1]>(volume, k) r = Relu(c) s = Conv(r, w) {ends}"
    stored = {"k": noise(1, 8, 1, 3, 3, 3), "w": noise(2, 5, 8, 1, 1, 1), "v": noise(3, 3, 5, 1, 1, 1)}
    used: Any = {name: value for name, value in stored.items() if re.search(rf"\b{name}\b", body)}
    return build(body, "float[N, 1, 8, 16, 16] volume", outputs, **used)


OTHERS = {
    "yolo-v5": (DETECTOR, yolo_v5),
    "yolo-v5-face": (DETECTOR, partial(yolo_v5, 16)),
    "yolo-v8": (DETECTOR, yolo_v8),
    "yolo-v8-one-class": (DETECTOR, partial(yolo_v8, 1)),
    "yolo-v8-pose": (DETECTOR, partial(yolo_v8, 52)),
    "yolox": (DETECTOR, yolox),
    "yolo-v10": (DETECTOR, yolo_v10),
    "yolo-v2": (DETECTOR, yolo_v2),
    "yolo-v3": (DETECTOR, yolo_v3),
    "yolo-v3-one-class": (DETECTOR, partial(yolo_v3, 18)),
    "ssd": (DETECTOR, ssd),
    "ssd-of-two-classes": (DETECTOR, partial(ssd, 2, ("conf", "loc"))),
    "ssd-of-one-class": (DETECTOR, partial(one_score_a_box, 4)),
    "blaze-face": (DETECTOR, one_score_a_box),
    "blaze-face-without-an-axis": (DETECTOR, partial(one_score_a_box, 16, False)),
    "palms": (DETECTOR, partial(one_score_a_box, 18)),
    "rotated-boxes": (DETECTOR, partial(one_score_a_box, 5)),
    "distributed-edges": (DETECTOR, partial(one_score_a_box, 32, False)),
    "key-points": (DETECTOR, partial(one_score_a_box, 2, False)),
    "yolo-v4-of-one-class": (DETECTOR, yolo_v4),
    "scores-of-anchors-alone": (DETECTOR, anchors_alone),
    "retina-net": (DETECTOR, retina),
    "fcos-of-one-class": (DETECTOR, partial(retina, 1)),
    "center-net": (DETECTOR, center_net),
    "detr": (DETECTOR, detr),
    "detr-of-a-hundred-queries": (DETECTOR, partial(detr, 100, 92)),
    "boxes-after-suppression": (DETECTOR, suppressed),
    "priors-first": (DETECTOR, priors_first),
    "priors-first-with-boxes": (DETECTOR, partial(priors_first, 2, True)),
    "segmenter": (SEGMENTER, segmenter),
    "segmenter-of-two-classes": (SEGMENTER, partial(segmenter, 2)),
    "segmenter-softmax": (SEGMENTER, partial(segmenter, 21, " out = Softmax<axis = 1>(u)")),
    "segmenter-of-three-classes": (SEGMENTER, partial(segmenter, 3, " out = Softmax<axis = 1>(u)")),
    "segmenter-labels": (
        SEGMENTER,
        partial(segmenter, 21, " out = ArgMax<axis = 1, keepdims = 0>(u)", kind="int64"),
    ),
    "segmenter-channels-last": (
        SEGMENTER,
        partial(segmenter, 21, " out = Transpose<perm = [0, 2, 3, 1]>(u)", last=True),
    ),
    "segmenter-quarter-size": (SEGMENTER, partial(segmenter, 19, size="16, 24", upsampled=False)),
    "segmenter-one-mask": (SEGMENTER, partial(segmenter, 1, " out = Sigmoid(u)")),
    "depth": (PICTURES, partial(image_to_image, 1)),
    "super-resolution": (PICTURES, partial(image_to_image, 3, 2)),
    "denoiser": (PICTURES, partial(image_to_image, 3, 1, " out = Add(u, image)")),
    "style": (PICTURES, partial(image_to_image, 3, 1, " out = Tanh(u)")),
    "flattened-map": (PLACES, flattened),
    "flattened-map-softmax": (PLACES, partial(flattened, 1, "Softmax")),
    "flattened-segmenter": (PLACES, partial(flattened, 5)),
    "scores-of-columns": (PLACES, partial(columns, (-1, 6, 1))),
    "scores-of-columns-last": (PLACES, partial(columns, (-1, 1, 6))),
    "ctc-time-first": (READER, partial(reader, "T")),
    "ctc-batch-first": (READER, reader),
    "ctc-softmax": (READER, partial(reader, "N", "", "Softmax")),
    "ctc-lstm-time-first": (READER, partial(reader, "T", "LSTM", "LogSoftmax")),
    "ctc-lstm-batch-first": (READER, partial(reader, "N", "LSTM")),
    "ctc-gru-of-many-classes": (READER, partial(reader, "N", "GRU", "Softmax", 6625)),
    "embedding-of-unit-norm": (EMBEDDING, partial(embedding, NORM)),
    "embedding-by-lp-normalization": (EMBEDDING, partial(embedding, NORM_LP)),
    "embedding-by-name": (EMBEDDING, partial(embedding, "image_embeds = Identity(e)", name="image_embeds")),
    "embedding-of-features": (EMBEDDING, partial(embedding, "features = Relu(e)", name="features")),
    "embedding-pooler": (EMBEDDING, partial(embedding, "pooler_output = Tanh(e)", name="pooler_output")),
    "hidden-states": (EMBEDDING, partial(hidden_states, "last_hidden_state")),
    "tokens": (EMBEDDING, hidden_states),
    "feature-maps": (BACKBONES, partial(model, f"{BACKBONE} out = Relu(p3)", "float[N, 8, 4, 6] out")),
    "crops-in-the-graph": (FOLDED, folded),
    "ten-crops-in-the-graph": (FOLDED, partial(folded, 8)),
    "crops-whose-scores-are-left-apart": (FOLDED, partial(folded, 2, False)),
    "scores-of-samples": (READER, partial(of_signals, "out = Identity(s)", "float[N, 5, 64] out")),
    "scores-of-samples-last": (
        READER,
        partial(of_signals, "out = Transpose<perm = [0, 2, 1]>(s)", "float[N, 64, 5] out"),
    ),
    "mask-of-a-volume": (SEGMENTER, partial(of_volumes, "out = Softmax<axis = 1>(s)", "float[N, 5, 8, 16, 16] out")),
    "labels-of-voxels": (SEGMENTER, partial(of_volumes, "out = ArgMax<axis = 1>(s)", "int64[N, 1, 8, 16, 16] out")),
    "field-of-a-volume": (PICTURES, partial(of_volumes, "m = Conv(s, v) out = Tanh(m)", "float[N, 3, 8, 16, 16] out")),
}

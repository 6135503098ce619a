"""A process that loads damaged models: `python -m tests.model.fuzzing FOLDER FIRST LAST` says what became of each.

Every model is made from its number alone, so that a crash can be had again.
"""

import resource
import sys
import time
from pathlib import Path

import numpy as np
import onnx

import fastcam
from tests.zoo import ALL

SMALL = 2 << 20  # bytes of a real model that is damaged
MEMORY = 8 << 30  # bytes; a process that wants more fails


def corpus(folder: Path) -> list[bytes]:
    """Real models, and of the small ones every fifth."""
    real = [path.read_bytes() for path in sorted(folder.rglob("*.onnx")) if path.stat().st_size < SMALL]
    return real + [ALL[name]().model for name in sorted(ALL)[::5]]


def damaged(models: list[bytes], number: int) -> bytes:
    rng = np.random.default_rng(number)
    data = models[rng.integers(len(models))]
    how = (flipped, cut_off, spliced, rewired, rewired, resized, retyped, bomb)[rng.integers(8)]
    return how(data, rng)


def flipped(data: bytes, rng) -> bytes:
    values = np.frombuffer(data, np.uint8).copy()
    # the structure of a file is mostly at its start and end, weights lie between
    ends = np.concatenate([np.arange(min(len(values), 4000)), np.arange(max(len(values) - 4000, 0), len(values))])
    where = rng.choice(ends if rng.integers(2) else len(values), rng.integers(1, 30))
    values[where] ^= (1 << rng.integers(0, 8, where.size)).astype(np.uint8)
    return values.tobytes()


def cut_off(data: bytes, rng) -> bytes:
    return data[: rng.integers(1, len(data))]


def spliced(data: bytes, rng) -> bytes:
    a, b = np.sort(rng.integers(0, len(data), 2))
    return (data[:a] + data[b:]) if rng.integers(2) else data[:b] + data[a:]


def rewired(data: bytes, rng) -> bytes:
    """Nodes that read something else, possibly from behind themselves, or are missing, or twice there."""
    model = onnx.ModelProto.FromString(data)
    nodes = model.graph.node
    names = [name for node in nodes for name in (*node.input, *node.output)] or [""]
    for _ in range(rng.integers(1, 4)):
        node = nodes[rng.integers(len(nodes))]
        kind = rng.integers(5)
        if kind == 0 and node.input:
            node.input[rng.integers(len(node.input))] = names[rng.integers(len(names))]
        elif kind == 1 and node.output:
            node.output[rng.integers(len(node.output))] = names[rng.integers(len(names))]
        elif kind == 2 and node.input:
            del node.input[rng.integers(len(node.input))]
        elif kind == 3 and len(nodes) > 1:
            del nodes[rng.integers(len(nodes))]
        else:
            nodes.add().CopyFrom(node)
    return model.SerializeToString()


def resized(data: bytes, rng) -> bytes:
    """Shapes and attributes of other sizes, absurd ones among them."""
    model = onnx.ModelProto.FromString(data)
    odd = [-1, 0, 1, 2, 3, 7, 1000, 1 << 20, 1 << 31, (1 << 63) - 1]
    attributes = [a for node in model.graph.node for a in node.attribute if a.ints or a.type == a.INT]
    for _ in range(rng.integers(1, 4)):
        value = odd[rng.integers(len(odd))]
        kind = rng.integers(3)
        if kind == 0 and attributes:
            attribute = attributes[rng.integers(len(attributes))]
            if attribute.ints:
                attribute.ints[rng.integers(len(attribute.ints))] = value
            else:
                attribute.i = value
        elif kind == 1 and model.graph.initializer:
            tensor = model.graph.initializer[rng.integers(len(model.graph.initializer))]
            if tensor.dims:
                tensor.dims[rng.integers(len(tensor.dims))] = value
        else:
            sides = model.graph.input[0].type.tensor_type.shape.dim
            if sides:
                sides[rng.integers(len(sides))].dim_value = value
    return model.SerializeToString()


def retyped(data: bytes, rng) -> bytes:
    """Other operators, element types and versions."""
    model = onnx.ModelProto.FromString(data)
    operators = [
        "Relu",
        "Concat",
        "Reshape",
        "Flatten",
        "Gemm",
        "MatMul",
        "Loop",
        "If",
        "Shape",
        "Cast",
        "TopK",
        "Conv",
    ]
    kind = rng.integers(3)
    if kind == 0:
        model.graph.node[rng.integers(len(model.graph.node))].op_type = operators[rng.integers(len(operators))]
    elif kind == 1 and model.graph.initializer:
        model.graph.initializer[rng.integers(len(model.graph.initializer))].data_type = int(rng.integers(0, 25))
    else:
        model.opset_import[0].version = int(rng.integers(1, 40))
    return model.SerializeToString()


def bomb(data: bytes, rng) -> bytes:
    """A few nodes behind the first tensor that ask for gigabytes, or never end."""
    model = onnx.ModelProto.FromString(data)
    graph, make = model.graph, onnx.helper.make_node
    many = int(10 ** rng.integers(3, 7))
    graph.initializer.append(onnx.numpy_helper.from_array(np.full(4, many, np.int64), "many"))
    kind = 3 if rng.integers(16) == 0 else rng.integers(3)  # what never ends takes its time each time
    if kind == 0:
        nodes = [make("ConstantOfShape", ["many"], ["huge"])]
    elif kind == 1:
        nodes = [make("Tile", [graph.input[0].name, "many"], ["huge"])]
    elif kind == 2:
        nodes = [make("Expand", [graph.input[0].name, "many"], ["huge"])]
    else:
        count = onnx.numpy_helper.from_array(np.array(1 << 62, np.int64), "count")
        true = onnx.numpy_helper.from_array(np.array(True), "true")
        graph.initializer.extend([count, true])
        value = onnx.helper.make_tensor_value_info
        body = onnx.helper.make_graph(
            [make("Identity", ["c"], ["d"]), make("Sin", ["x"], ["y"])],
            "body",
            [value("i", 7, []), value("c", 9, []), value("x", 1, None)],
            [value("d", 9, []), value("y", 1, None)],
        )
        nodes = [make("Loop", ["count", "true", graph.input[0].name], ["huge"], body=body)]
    first = graph.node[0]
    graph.node.extend([*nodes, make("ReduceMax", ["huge"], ["most"], keepdims=0)])
    graph.node.append(make("Add", [first.output[0], "most"], ["more"]))
    for node in list(graph.node)[:-3]:
        for k, name in enumerate(node.input):
            if name == first.output[0]:
                node.input[k] = "more"
    return model.SerializeToString()


def outcome(data: bytes) -> str:
    try:
        model = fastcam.load(data)
        sizes = [*model.input.sides()]
        if model.head.is_exact:
            photo = np.random.default_rng(0).integers(0, 256, (*sizes, 3), dtype=np.uint8)
            found = model.explain(photo)
            best = int(found.class_index[0, 0])
            mean = float(found.activation_maps[0, 0].mean(dtype=np.float64)) + float(model.head.bias[best])
            scale = float(np.abs(found.logits[0] - model.head.bias).max())
            allowed = 1e-3 if model.head.quantization_gap is None else 1.0
            if abs(mean - float(found.logits[0, best])) > allowed * scale + 1e-3 * abs(mean):
                return f"FAILED wrong map: {mean} instead of {found.logits[0, best]}"
    except (fastcam.ModelError, fastcam.InputError) as error:
        return f"refused {type(error).__name__}"
    except Exception as error:
        return f"FAILED {type(error).__name__}: {error}"
    return f"loaded {model.head.kind}"


def say(number: int, text: str) -> None:
    sys.stdout.write(f"{number} {text}\n")
    sys.stdout.flush()


def main(folder: str, first: str, last: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    models = corpus(Path(folder))
    for number in range(int(first), int(last)):
        say(number, "started")
        data, started = damaged(models, number), time.thread_time()
        fate = outcome(data)
        say(number, f"{fate} after {time.thread_time() - started:.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The Keras part of the zoo, through tf2onnx."""

# pyright: reportMissingImports=false, reportMissingModuleSource=false, reportAttributeAccessIssue=false

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.exports.truth import Facts, Truth, distance, opset_of, run_onnx, smooth_images


@dataclass(frozen=True)
class Spec:
    """A model; its feature maps are what goes into the last layer of type `pool`; `head` names the layers after.

    Attributes
    ----------
    opsets
        One file each.
    kinds
        Right kinds of head, best first.
    """

    name: str
    make: Callable[[], Any]
    opsets: tuple[int, ...]
    kinds: tuple[str, ...]
    pool: str
    head: str = ""
    size: tuple[int, int] = (96, 96)


def application(name: str, size: tuple[int, int] = (96, 96), **options: Any) -> Callable[[], Any]:
    def make() -> Any:
        from keras import applications

        shape = (*size, 3)
        return getattr(applications, name)(input_shape=shape, weights=None, classes=10, **options)

    return make


def small_resnet() -> Any:
    """Keras' ResNet50 with one block a stage."""
    from keras.src.applications import resnet

    def stages(x: Any) -> Any:
        for filters in (16, 32, 48):
            x = resnet.stack_residual_blocks_v1(x, filters, 1, name=f"stage{filters}")
        return x

    return resnet.ResNet(stages, False, True, name="small", weights=None, input_shape=(64, 96, 3), classes=10)


def sequential(*last: str) -> Callable[[], Any]:
    """A plain network; its last layers by name."""

    def make() -> Any:
        import keras
        from keras import layers

        convolutions = [layers.Conv2D(n, 3, 2, "same", activation="relu") for n in (16, 32, 32)]
        made: dict[str, Callable[[], Any]] = {
            "mean": layers.GlobalAveragePooling2D,
            "max": layers.GlobalMaxPooling2D,
            "average": lambda: layers.AveragePooling2D((8, 12)),
            "flatten": layers.Flatten,
            "norm": layers.BatchNormalization,
            "hidden": lambda: layers.Dense(24, activation="relu"),
            "softmax": lambda: layers.Dense(10, activation="softmax"),
            "sigmoid": lambda: layers.Dense(10, activation="sigmoid"),
            "logits": lambda: layers.Dense(10),
        }
        return keras.Sequential([keras.Input((64, 96, 3)), *convolutions, *(made[name]() for name in last)])

    return make


def specs() -> list[Spec]:
    wide, cam = (64, 96), ("cam",)
    mean = "GlobalAveragePooling2D"
    return [
        Spec("mobilenet_v2", application("MobileNetV2", alpha=0.35), (11, 15), cam, mean, "predictions"),
        Spec("mobilenet", application("MobileNet", alpha=0.25), (11, 15), cam, mean, "conv_preds"),
        Spec("mobilenet_v3", application("MobileNetV3Small"), (15,), ("gap-nonlinear",), mean),
        Spec("resnet", small_resnet, (11, 15), cam, mean, "predictions", wide),
        Spec("densenet121", application("DenseNet121"), (15,), cam, mean, "predictions"),
        Spec("efficientnet_b0", application("EfficientNetB0"), (11, 15), cam, mean, "predictions"),
        Spec("nasnet_mobile", application("NASNetMobile"), (15,), cam, mean, "predictions"),
        Spec("sequential", sequential("mean", "softmax"), (11, 15), cam, mean, "dense", wide),
        Spec("sigmoid", sequential("mean", "sigmoid"), (11, 15), cam, mean, "dense", wide),
        Spec("norm", sequential("mean", "norm", "logits"), (15,), cam, mean, "batch_normalization dense", wide),
        Spec("average", sequential("average", "flatten", "softmax"), (11, 15), cam, "AveragePooling2D", "dense", wide),
        Spec("max", sequential("max", "softmax"), (11, 15), ("pool-nonlinear",), "GlobalMaxPooling2D", "", wide),
        Spec("flatten", sequential("flatten", "softmax"), (11, 15), ("cam-spatial",), "Flatten", "", wide),
        Spec("flatten_mlp", sequential("flatten", "hidden", "softmax"), (15,), ("generic",), "Flatten", "", wide),
        Spec("mlp", sequential("mean", "hidden", "softmax"), (15,), ("gap-nonlinear",), mean, "", wide),
    ]


def built(spec: Spec) -> Any:
    """The model: random weights, a bias that isn't zero, batch norms calibrated on one batch of random images."""
    import keras

    keras.utils.set_random_seed(0)
    keras.backend.clear_session()
    model = spec.make()
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
        elif getattr(layer, "bias", None) is not None:
            layer.bias.assign(rng.normal(0, 0.2, layer.bias.shape))
    if any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers):
        model(smooth_images(16, spec.size, 100).transpose(0, 2, 3, 1), training=True)
    return model


def truth_of(model: Any, spec: Spec) -> Truth:
    import keras

    image = np.ascontiguousarray(smooth_images(1, spec.size, 7).transpose(0, 2, 3, 1))
    pool = next(layer for layer in reversed(model.layers) if type(layer).__name__ == spec.pool)
    facts = Facts(spec.name, "", spec.kinds, spec.size, "keras", "tf2onnx", 0)
    output = np.asarray(model(image, training=False)).reshape(1, -1)
    if spec.kinds[0] != "cam":
        return Truth(facts, image, output)
    value = np.asarray(keras.Model(model.inputs, pool.input)(image, training=False))
    weights, bias = folded([model.get_layer(name) for name in spec.head.split()], value.shape[3])
    truth = Truth(facts, image, output, value[0].transpose(2, 0, 1), weights, bias)
    predicted = activated(model, truth.logits())
    if distance(predicted, output[0]) > 1e-4:
        raise AssertionError(f"weights and maps miss the output by {distance(predicted, output[0]):.1e}")
    return truth


def folded(layers: list[Any], channels: int) -> tuple[np.ndarray, np.ndarray]:
    weights, bias = np.eye(channels), np.zeros(channels)
    for layer in layers:
        if hasattr(layer, "moving_variance"):
            scale = np.asarray(layer.gamma / np.sqrt(layer.moving_variance + layer.epsilon), np.float64)
            shift = np.asarray(layer.beta, np.float64) - scale * np.asarray(layer.moving_mean)
            weights, bias = scale[:, None] * weights, scale * bias + shift
        else:
            kernel, offset = (np.asarray(value, np.float64) for value in layer.get_weights())
            matrix = kernel.reshape(kernel.shape[-2:]).T
            weights, bias = matrix @ weights, matrix @ bias + offset
    return weights.astype(np.float32), bias.astype(np.float32)


def activated(model: Any, logits: np.ndarray) -> np.ndarray:
    """Return the scores that the model's last activation makes of the logits."""
    last = next(layer for layer in reversed(model.layers) if hasattr(layer, "activation"))
    if last.activation.__name__ == "softmax":
        shifted = np.exp(logits - logits.max())
        return shifted / shifted.sum()
    return 1 / (1 + np.exp(-logits)) if last.activation.__name__ == "sigmoid" else logits


def export(model: Any, opset: int, path: Path) -> None:
    import tensorflow as tf
    import tf2onnx
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    signature = (tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32, name="image"),)
    function = tf.function(lambda image: model(image, training=False), input_signature=signature)
    made, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=opset, output_path=str(path))
    if len(made.graph.input) > 1:
        # EfficientNet's constants become inputs of the model, unless its graph is frozen first.
        frozen = convert_variables_to_constants_v2(function.get_concrete_function())
        inputs, outputs = ([tensor.name for tensor in ends] for ends in (frozen.inputs, frozen.outputs))
        tf2onnx.convert.from_graph_def(
            frozen.graph.as_graph_def(), input_names=inputs, output_names=outputs, opset=opset, output_path=str(path)
        )


def make(spec: Spec, folder: Path) -> list[tuple[str, str]]:
    """Export one model at its opsets; each file's name, and what failed or ""."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    try:
        model = built(spec)
        truth = truth_of(model, spec)
    except Exception as error:
        return [(f"keras_{spec.name} (the model)", f"{type(error).__name__}: {error}")]
    return [export_one(model, spec, truth, opset, folder) for opset in spec.opsets]


def export_one(model: Any, spec: Spec, truth: Truth, opset: int, folder: Path) -> tuple[str, str]:
    name = f"keras_{spec.name}-{opset}"
    path = folder / f"{name}.onnx"
    for stale in folder.glob(f"{name}.*"):
        stale.unlink()
    try:
        export(model, opset, path)
        drift = distance(run_onnx(path, truth.image), truth.output)
        if drift > 1e-3:
            raise AssertionError(f"the export's output is {drift:.1e} away from the framework's")
    except Exception as error:
        return name, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    facts = Facts(name, path.name, spec.kinds, spec.size, "keras", "tf2onnx", opset_of(path), drift=drift)
    Truth(facts, truth.image, truth.output, truth.maps, truth.weights, truth.bias).save(folder)
    return name, ""

"""Small classifiers of every kind, each with what is true of it: name → builder of the case, in `ALL`."""

from tests.zoo import (
    channels_last,
    classes,
    graphs,
    inputs,
    narrow,
    nonlinear,
    outputs,
    pooled,
    quantised,
    ranks,
    spatial,
    tokens,
)

TOPICS = (pooled, classes, channels_last, tokens, spatial, nonlinear, narrow, quantised, inputs, outputs, graphs, ranks)
ALL = {name: build for topic in TOPICS for name, build in topic.CASES.items()}
assert len(ALL) == sum(len(topic.CASES) for topic in TOPICS), "two cases have the same name"

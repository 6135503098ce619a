"""The graph of a model: read, cut, put into float32, randomized, added to.

For `fastcam.model.head` and `gradient`, for `fastcam.export`, which bakes maps into a graph, and for
`fastcam.evaluate`, which randomizes parameters. May import `fastcam.model.file` and `run`.
"""

"""The graph of a model: reading, cutting, joining and rewriting it. May import `fastcam.model.file`."""

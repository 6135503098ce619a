"""The file of a model: its bytes, its external data, and models written to disk.

For the rest of `fastcam.model`, and for `fastcam.export`, which writes models. May import `fastcam.errors` only.
"""

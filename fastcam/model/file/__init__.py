"""The file of a model: its bytes, external data, and where they are written. May import `fastcam.errors` only."""

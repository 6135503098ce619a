"""Errors and warnings of fastcam; their messages have what was expected, what was given, and what to do."""

from collections.abc import Sequence


class FastcamError(Exception):
    """Base class of all errors of this package."""


class InputError(FastcamError, ValueError):
    """An argument (image, array, option, path) that can't be used as it is."""


class ModelError(FastcamError, ValueError):
    """A model file that can't be read, or that isn't a model from one image to class scores."""


class HeadNotFoundError(ModelError):
    """A model without a head for which class activation maps are exact, or with more than one.

    Attributes
    ----------
    reasons
        A sentence for every output that was examined, with the reason.
    candidates
        Names of tensors that may be given to `fastcam.load(..., head=...)` or `output=...`.
    """

    def __init__(self, message: str, *, reasons: Sequence[str] = (), candidates: Sequence[str] = ()) -> None:
        super().__init__("\n  - ".join([message, *reasons]))
        self.reasons = tuple(reasons)
        self.candidates = tuple(candidates)


class NotLinearError(ModelError):
    """Logits that seemed linear in the feature maps, but aren't by a closer check; `load` falls back."""


class NotFiniteError(HeadNotFoundError):
    """A model without a head that was found, whose feature maps overflowed: float16 ends at 65504."""


class GradientError(ModelError):
    """A gradient that can't be written: an operator has no rule, or nothing depends on the layer."""


class BackendError(FastcamError, RuntimeError):
    """An execution provider or device that this machine or installation doesn't have."""


class KernelError(FastcamError, RuntimeError):
    """Arrays that reached a kernel, though checks should have refused them: a defect of fastcam."""


class FastcamWarning(UserWarning):
    """Base class of all warnings of this package: the result may not be the intended one."""


class AssumedPreprocessWarning(FastcamWarning):
    """A preprocessing that is assumed, since nothing describes the model's input: scores may be wrong."""


class LabelsWarning(FastcamWarning):
    """Class names beside a model that don't fit it, and aren't used."""


class FontWarning(FastcamWarning):
    """A label with letters that no font has, and so are drawn as boxes, or letters that can't be joined."""

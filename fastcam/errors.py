"""Every error that fastcam raises on purpose; the messages say what was expected, what came, and what to do."""

from collections.abc import Sequence


class FastcamError(Exception):
    """Base of all errors of this package."""


class InputError(FastcamError, ValueError):
    """An argument (image, array, option, path) can't be used as it is."""


class ModelError(FastcamError, ValueError):
    """The model file can't be read, or it isn't a model that takes one image and gives class scores."""


class HeadNotFoundError(ModelError):
    """No head was found for which class activation maps are exact, or more than one was found.

    Attributes
    ----------
    reasons
        One sentence for every output that was looked at: what stood in the way.
    candidates
        Names of tensors that may be given to `fastcam.load(..., head=...)` or `output=...`.
    """

    def __init__(self, message: str, *, reasons: Sequence[str] = (), candidates: Sequence[str] = ()) -> None:
        super().__init__("\n  - ".join([message, *reasons]))
        self.reasons = tuple(reasons)
        self.candidates = tuple(candidates)


class NotLinearError(ModelError):
    """Logits that seemed to be linear in the feature maps aren't, where it was looked closer; `load` falls back."""


class NotFiniteError(HeadNotFoundError):
    """No head was found, and feature maps overflowed on the way: those of float16 end at 65504."""


class GradientError(ModelError):
    """The gradient that a method needs can't be written: an operator has no rule, or nothing depends on the layer."""


class BackendError(FastcamError, RuntimeError):
    """An execution provider or device was asked for that this machine or installation doesn't have."""


class KernelError(FastcamError, RuntimeError):
    """A kernel was given arrays that its checks at the door should have refused: a defect of fastcam."""


class FastcamWarning(UserWarning):
    """Base of all warnings of this package: what was done may not be what was meant."""


class AssumedPreprocessWarning(FastcamWarning):
    """Nothing says how a model wants its input, so that a preprocessing is assumed: scores may be wrong."""


class LabelsWarning(FastcamWarning):
    """Class names were found beside a model that don't fit it, and aren't used."""

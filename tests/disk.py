"""A disk that gets full."""

from contextlib import contextmanager


@contextmanager
def full_after(size):
    """A limit on the bytes of each file of this process stands for it: the same calls fail in the same way."""
    import resource  # which only POSIX has

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

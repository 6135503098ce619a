"""The kernels: loops over arrays that know nothing of models, images or fastcam. Installed as `fastcam.kernels`."""


def twins() -> list[str]:
    """Return the names of the kernels that exist for the CPU and for CUDA: each has a file `cuda/<name>.cu`."""
    from importlib.resources import files  # which takes longer to import than all of kernels

    names = (file.name for file in files(f"{__name__}.cuda").iterdir())
    return sorted(name.removesuffix(".cu") for name in names if name.endswith(".cu"))

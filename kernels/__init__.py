"""The kernels: loops over arrays that know nothing of models, images or fastcam. Installed as `fastcam.kernels`."""

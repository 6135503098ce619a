"""Methods: how to weigh the channels of the feature maps. One file each."""

"""The bundled demonstration model, the ImageNet class names, and their licences."""

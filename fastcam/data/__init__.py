"""The bundled demonstration model, the ImageNet class names and WordNet ids, a font, and their licences."""

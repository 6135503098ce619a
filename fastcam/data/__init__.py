"""The bundled demonstration model, the ImageNet class names and WordNet ids, and their licences."""

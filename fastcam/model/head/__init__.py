"""The head of a classifier: where feature maps, class weights, logits and scores are, searched and proven. May import
`fastcam.model.file`, `graph` and `run`.
"""

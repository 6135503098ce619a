"""The head of a classifier: where feature maps, class weights, logits and scores are, searched and proven.

For `fastcam.classifier` and `fastcam.methods`; `Head` and `Candidate` are public. May import `fastcam.model.file`,
`graph` and `run`.
"""

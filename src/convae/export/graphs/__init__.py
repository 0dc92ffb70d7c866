"""What a model computes, as torch modules that can be exported: from stored values to stored values.

- stored: from the values of files to those of a network, and back
- framing: images resized, cropped and padded as :mod:`convae.images.dataset.framing` does
- graph: what a graph takes and gives, by name
- reconstruction: autoencoders, and their encoder and decoder apart
- restoration: denoisers
- detection: anomaly detectors; scorers: the scores of their methods; cues: cues without a network
- of_model: the graph of a model

Nothing here decides anything by the values of a tensor or by a side that is not known yet, so that one graph
serves all images. Where another room does, the same formula is written here for whole batches.
"""

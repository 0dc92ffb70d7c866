"""Estimators: what a user holds, by scikit-learn's contract; one job or variant a file, over one base.

- autoencoder: images to codes and back
- variational: new images as well; bounds, densities: how likely images are, and what codes are drawn from
- sparse: codes of many numbers, few of which are on
- stacked: levels trained one by one, each on the codes of the one below, then together
- restoring, restored, denoiser: images without their noise, from any way to learn it
- noise_decision, noise_units: whether images look clean or noisy to a denoiser; levels of noise for people
- inpainter: images with their holes filled; damage: what is damaged though no mask says so
- anomaly: what is not like normal images, and where; detection, regions: what it asks of a method and gives
- detector_fit, normals: from normal images to a detector, its threshold by images that nothing else saw
- cross_scorer: several detectors, each fitted without another part of the normal images, as one
- crossfit: detectors of a set by its other parts, to rank it by itself
- mending_defects, defect_scorer, choosing: the method of synthetic defects, its score and how that is fitted
- normal_cues, fusion: what tells an image from normal ones without a network, and how several maps become one
- known_defects: a few images with real defects, which weigh those maps
- restoring_attributes, attribute_scorer: the method of removed attributes, and its score
- likelihood: the method of the likelihood bound
- neighbourhood: where codes should lie so that they keep neighbours together
- base, tables, parameters: what all share: any source or rows in, checked parameters, files
- labels: the y of a fit: labels, or images
- inheriting: an estimator that differs from another in its defaults
- fitting, continuing: from images to a trained model, and one pass more
- baseline: PCA with as many numbers per image
- streaming: a model over a source of any length
- registry: the estimators by name
"""

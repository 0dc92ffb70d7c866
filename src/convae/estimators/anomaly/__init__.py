"""Anomaly detection: find images that are not like the normal ones, and where they differ.

- detector: the estimator; method: the interface of a method; regions: where an image is anomalous
- fit, split: from normal images to a detector, whose threshold is set on images that nothing else uses
- cross_scorer: several detectors combined, each fitted without another part of the normal images
- cross_fit: rank a set by itself: each part by a detector that was fitted on the other parts
- defects_method, defect_scorer, defect_score_fit: the method of synthetic defects, its score and its fit
- normal_cues, fusion: cues that need no network, and how several maps become one
- known_defects: a few images with real defects, used to weight those maps
- attributes_method, attribute_scorer: the method of removed attributes, and its score
- likelihood_method: the method of the likelihood bound
"""

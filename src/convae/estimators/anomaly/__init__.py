"""Anomaly detection: what is not like the normal images, and where.

- detector: the estimator; method: what it asks of a method; regions: where an image is anomalous
- fit, split: from normal images to a detector, whose threshold is set by images that nothing else saw
- cross_scorer: several detectors, each fitted without another part of the normal images, as one
- cross_fit: a set ranked by itself: each part by a detector of the other parts
- defects_method, defect_scorer, defect_score_fit: the method of synthetic defects, its score and its fit
- normal_cues, fusion: cues that need no network, and how several maps become one
- known_defects: a few images with real defects, which weigh those maps
- attributes_method, attribute_scorer: the method of removed attributes, and its score
- likelihood_method: the method of the likelihood bound
"""

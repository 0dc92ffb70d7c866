"""Score images with an exported detector: python run.py model.onnx image.png ...

Needs the packages onnxruntime, numpy and pillow; neither convae nor PyTorch.
"""

import sys

import numpy as np
import onnxruntime
from PIL import Image

options = onnxruntime.SessionOptions()
options.log_severity_level = 3  # without a note on the threshold, an input that may be left out
session = onnxruntime.InferenceSession(sys.argv[1], options)
channels = session.get_inputs()[0].shape[1]
for name in sys.argv[2:]:
    pixels = np.array(Image.open(name).convert("RGB" if channels == 3 else "L"))
    image = pixels.reshape(1, *pixels.shape[:2], channels).transpose(0, 3, 1, 2)
    score, p_value, anomalous = session.run(["score", "p_value", "anomalous"], {"image": image})
    verdict = "anomalous" if anomalous[0] else "normal"
    sys.stdout.write(f"{name}: score {score[0]:.4f}, p-value {p_value[0]:.4f}, {verdict}\n")

"""Models as files for other programs: ONNX and OpenVINO.

- export: :func:`convae.export_model`, from a model to a file
- graphs: what a model computes, as modules from stored values to stored values
- tracing: from such a module to ONNX
- parity: an exported file compared with the model itself
- metadata: what a file says about itself
- running: exported files run by ONNX Runtime
- openvino_file: OpenVINO's files, and how they are run
"""

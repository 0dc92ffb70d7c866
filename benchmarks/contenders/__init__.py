"""Those who race, each in a process of its own: ``python benchmarks/contend.py JSON`` starts one.

- serving: how a contender works in portions and tells how long each took; the standard library alone
- data: the images that all are given; NumPy alone
- ours: convae, through its estimators and its training loop
- plain_torch, plain_networks: PyTorch as everyone writes it
- engines: the same networks in ONNX Runtime and OpenVINO
- machine: a matrix product, what the processor can do at most
"""

"""One contender of a race, started by ``benchmarks/speed.py``: ``python benchmarks/contend.py JSON``.

The job names a module of ``contenders`` and a function of it. It runs in the environment of its contender,
which may know nothing of convae.
"""

import importlib
import json
import sys

from contenders.serving import Gate


def main() -> None:
    job = json.loads(sys.argv[1])
    gate = Gate(job.get("warmup", 1))
    module = importlib.import_module(f"contenders.{job['module']}")
    getattr(module, job["task"])(job, gate)


if __name__ == "__main__":
    main()

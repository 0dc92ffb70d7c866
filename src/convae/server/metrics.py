"""Counters, gauges and histograms in the text format of Prometheus."""

import threading
from collections.abc import Iterable, Sequence

Labels = tuple[tuple[str, str], ...]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
FRACTIONS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)


class Family:
    """Values of one name, each with its labels.

    Args:
        name: of the metric.
        help: what it counts.
        kind: ``counter``, ``gauge`` or ``histogram``.
        bounds: of a histogram: the upper ends of its buckets.
    """

    def __init__(self, name: str, help: str, kind: str, bounds: Sequence[float] = ()) -> None:
        self.name, self.help, self.kind, self.bounds = name, help, kind, tuple(bounds)
        self._values: dict[Labels, float] = {}
        self._buckets: dict[Labels, list[float]] = {}
        self._lock = threading.Lock()

    def add(self, value: float = 1.0, /, **labels: str) -> None:
        """Add to a counter."""
        key = tuple(sorted(labels.items()))
        with self._lock:
            self._values[key] = self._values.get(key, 0.0) + value

    def set(self, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        with self._lock:
            self._values[tuple(sorted(labels.items()))] = value

    def observe(self, value: float, /, **labels: str) -> None:
        """Count a value in a histogram."""
        key = tuple(sorted(labels.items()))
        with self._lock:
            counts = self._buckets.setdefault(key, [0.0] * (len(self.bounds) + 2))
            for place, bound in enumerate(self.bounds):
                counts[place] += value <= bound
            counts[-2] += 1
            counts[-1] += value

    def value(self, **labels: str) -> float:
        """Return a counter or gauge; 0 if nothing was counted."""
        return self._values.get(tuple(sorted(labels.items())), 0.0)

    def lines(self) -> Iterable[str]:
        """Yield the lines of the text format."""
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {self.kind}"
        with self._lock:
            for labels, value in sorted(self._values.items()):
                yield f"{self.name}{_labels(labels)} {_number(value)}"
            for labels, counts in sorted(self._buckets.items()):
                for bound, count in zip((*self.bounds, float("inf")), counts, strict=False):
                    more = (*labels, ("le", _number(bound)))
                    yield f"{self.name}_bucket{_labels(more)} {_number(count)}"
                yield f"{self.name}_sum{_labels(labels)} {_number(counts[-1])}"
                yield f"{self.name}_count{_labels(labels)} {_number(counts[-2])}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    if value != value:
        return "NaN"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        self.requests = Family(
            "convae_requests_total", "Requests by model, verb and HTTP status.", "counter"
        )
        self.seconds = Family(
            "convae_request_seconds",
            "Time from the first byte of a request to its answer.",
            "histogram",
            SECONDS,
        )
        self.images = Family("convae_images_total", "Images that were computed.", "counter")
        self.bad_images = Family(
            "convae_bad_images_total", "Images that could not be used.", "counter"
        )
        self.batches = Family("convae_batches_total", "Batches that were computed.", "counter")
        self.active = Family(
            "convae_requests_active", "Requests that are received, waiting or computed.", "gauge"
        )
        self.held = Family("convae_held_bytes", "Bytes of request bodies in memory.", "gauge")
        self.waiting = Family("convae_requests_waiting", "Requests in line.", "gauge")
        self.limit = Family(
            "convae_requests_limit", "Requests that are accepted at one time.", "gauge"
        )
        self.ready = Family("convae_ready", "1 while requests are accepted.", "gauge")
        self.reloads = Family(
            "convae_model_reloads_total", "Reloads of a model file, by result.", "counter"
        )
        self.loaded = Family(
            "convae_model_loaded_timestamp_seconds", "When a model was loaded.", "gauge"
        )
        self.p_values = Family(
            "convae_p_value", "P-values of images that a detector judged.", "histogram", FRACTIONS
        )
        self.anomalous = Family(
            "convae_anomalous_total", "Images that a detector called anomalous.", "counter"
        )
        self.drift = Family(
            "convae_drift",
            "1 if the latest images are unlike the calibration images, 0 if not, NaN if too few.",
            "gauge",
        )
        self.drift_p = Family(
            "convae_drift_p_value", "P-values of the tests for drift, by what is compared.", "gauge"
        )
        self.memory = Family("process_resident_memory_bytes", "Memory of the process.", "gauge")

    def text(self) -> str:
        """Return all metrics in the text format of Prometheus."""
        families = [one for one in vars(self).values() if isinstance(one, Family)]
        return "\n".join(line for family in families for line in family.lines()) + "\n"


def resident_bytes() -> float:
    """Return the memory of this process in bytes; NaN where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
    except (OSError, ValueError, IndexError):
        return float("nan")
    return float(pages * 4096)

"""Write a model as a file for other programs."""

from pathlib import Path

from convae.cli.io.models import refuse_swapped
from convae.cli.io.output_files import output_file, planned
from convae.cli.terminal.output import Voice
from convae.export.export import FORMATS, export_model
from convae.export.openvino_file import WEIGHTS


def export(model: Path, out: Path | None, voice: Voice, *, to: str, part: str | None) -> None:
    """Run ``convae export``."""
    refuse_swapped(model)
    suffix = FORMATS[to]
    name = model.stem if part is None else f"{model.stem}-{part}"
    target = output_file(out or model.with_name(name + suffix), suffix)
    if to == "openvino":
        planned(target.with_suffix(WEIGHTS))
    done = export_model(model, target, to=to, part=part)
    voice.say(f"{done.path}: {done.bytes:,} bytes")
    voice.say(done.parity.sentence())
    for slot in done.metadata["inputs"]:
        voice.say(f"input  {_line(slot)}")
    for slot in done.metadata["outputs"]:
        voice.say(f"output {_line(slot)}")
    voice.result({"file": done.path, "bytes": done.bytes, **done.metadata})


def _line(slot: dict[str, object]) -> str:
    shape = slot["shape"]
    assert isinstance(shape, list)
    sides = " x ".join(map(str, shape)) or "one number"
    default = f" (may be left out: {slot['default']})" if "default" in slot else ""
    return f"{slot['name']}: {slot['dtype']}, {sides}: {slot['meaning']}{default}"

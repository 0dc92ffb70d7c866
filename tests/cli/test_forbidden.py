"""Every pair that does not go together is refused on the command line with the table's sentence."""

from pathlib import Path

import pytest
from tests.cli.conftest import Command
from tests.estimators.combinations import Refused, every_refused

from convae.cli.option_words import in_options


def flags(refused: Refused) -> list[object]:
    """``--bottleneck top-k --epochs 0`` of the parameters."""
    return [
        word
        for name, value in refused.parameters.items()
        for word in ("--" + name.replace("_", "-"), value)
    ]


@pytest.mark.parametrize("refused", every_refused(), ids=str)
def test_a_pair_that_does_not_go_together(
    convae: Command, pictures: Path, tmp_path: Path, refused: Refused
) -> None:
    out = tmp_path / "m.convae"
    done = convae("fit", refused.member, pictures, "--out", out, *flags(refused))
    assert done.code == 2
    assert in_options(refused.sentence) in done.err
    assert "Traceback" not in done.err
    assert not out.exists()

"""Messages about arguments, in the words of the command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convae.cli.option_words import in_options


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("latent_dim must be 1 or more; got 0", "--latent-dim must be 1 or more; got 0"),
        ("random_state must be a whole number", "--seed must be a whole number"),
        ("parameters: strict must be True", "parameters: --strict must be True"),
        (
            "a: (1) epochs must be x; (2) clip must be y",
            "a: (1) --epochs must be x; (2) --clip must be y",
        ),
        ("convert all with channels=1 (grey) or", "convert all with --channels 1 (grey) or"),
        ("fit with size=(height, width), or", "fit with --size height width, or"),
        ("use size=(48, 64).", "use --size 48 64."),
        ("which strict=True forbids: x", "which --strict forbids: x"),
        ("choose storage 'streamed'", "choose --storage streamed"),
        ("loss 'bce' needs output 'sigmoid'", "--loss bce needs --output sigmoid"),
        ("method 'likelihood' needs", "--method likelihood needs"),
        ("framing 'crop' needs size=(height, width)", "--framing crop needs --size height width"),
        ("set epochs to 1 or more: epochs 0 leaves", "set epochs to 1 or more: --epochs 0 leaves"),
        # what is no argument stays
        ("the loss is not finite", "the loss is not finite"),
        ("a/size=3/b.png: is empty", "a/size=3/b.png: is empty"),
        ("latent_dim.png: is empty", "latent_dim.png: is empty"),
        ("my-batch_size-run/x: is empty", "my-batch_size-run/x: is empty"),
        ("--latent-dim takes a whole number", "--latent-dim takes a whole number"),
        ("unknown loss 'mes': did you mean 'mse'?", "unknown loss 'mes': did you mean 'mse'?"),
    ],
)
def test_arguments_become_options(message: str, shown: str) -> None:
    assert in_options(message) == shown


@given(st.text())
def test_any_text_can_be_translated_again(text: str) -> None:
    once = in_options(text)
    assert in_options(once) == once


@given(st.text(st.characters(exclude_characters="_='0123456789"), max_size=60))
def test_text_about_no_argument_stays(text: str) -> None:
    if not any(word in text for word in ("must", "takes", "needs", "requires")):
        assert in_options(text) == text

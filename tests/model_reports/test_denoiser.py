"""What a report of a denoiser shows: the pictures."""

from tests.evaluation.results.test_denoising import found

from convae.model_reports.denoiser import panel


def test_pictures_of_different_sizes_show_their_middle() -> None:
    shown = panel(found([{"PSNR (dB)": (30.0, 20.0, 25.0, 29.0)}]).pictures)
    assert list(shown.rows) == ["noisy", "denoised", "removed"]
    assert shown.rows["noisy"].shape == (3, 20, 30, 3)
    removed = shown.rows["removed"].astype(float)
    assert abs(removed.mean() - 127.5) < 4  # on grey
    assert "What was removed is shown on grey" in shown.note

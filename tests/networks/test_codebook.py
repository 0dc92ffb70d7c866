"""A codebook: the nearest entry, means that follow the vectors, and dead entries that are moved."""

import pytest
import torch
from torch import Tensor

from convae.networks import codebook as module
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder
from convae.networks.codebook import Codebook, nearest


def book(entries: Tensor, count: float = 1.0) -> Codebook:
    """A codebook in evaluation mode with these entries (K, d), each with the same use."""
    a = Architecture(
        image_shape=(1, 8, 8),
        latent_dim=entries.shape[1],
        code="spatial",
        bypass="none",
        bottleneck="vq",
        entries=len(entries),
    )
    made = Codebook(a).eval()
    made.count.fill_(count)
    made.total.copy_(count * entries)
    return made


def quantised(made: Codebook, raw: Tensor) -> tuple[Tensor, Tensor]:
    """The code of vectors, and its indices."""
    indices = made.nearest(raw)
    return made(raw, indices), indices


def vectors(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn((n, d), generator=torch.Generator().manual_seed(seed))


def test_the_nearest_entry_replaces_each_vector() -> None:
    """By hand: (0.9, 0.2) is 0.05 from (1, 0) and 0.85 from (0, 0), squared; the third has its own."""
    made = book(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]]))
    raw = torch.tensor([[0.9, 0.2], [0.1, -0.3], [-1.0, 5.0]]).T.reshape(1, 2, 1, 3)
    code, indices = quantised(made, raw)
    assert indices.tolist() == [[[1, 0, 2]]]
    assert code[0, :, 0].T.tolist() == [[1.0, 0.0], [0.0, 0.0], [0.0, 2.0]]
    assert torch.equal(made.vectors_of(indices), code)


def test_the_nearest_is_that_of_all_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    given, entries = vectors(500, 6), vectors(40, 6, 1)
    wanted = torch.cdist(given, entries).argmin(dim=1)
    assert torch.equal(nearest(given, entries), wanted)
    monkeypatch.setattr(module, "MOST_PAIRS", 40 * 7)  # in parts of seven
    assert torch.equal(nearest(given, entries), wanted)


def test_outside_training_nothing_follows() -> None:
    made = book(vectors(4, 3))
    before = {name: value.clone() for name, value in made.state_dict().items()}
    quantised(made, vectors(32, 3, 1).T.reshape(1, 3, 4, 8))
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


def test_in_training_the_gradient_passes_as_if_nothing_was_replaced() -> None:
    made = book(vectors(4, 3)).train()
    raw = vectors(32, 3, 1).T.reshape(1, 3, 4, 8).requires_grad_()
    expected, _ = quantised(made.eval(), raw)
    code, _ = quantised(made.train(), raw)
    assert torch.equal(code, expected)  # exactly an entry, and not only nearly
    weight = torch.rand(code.shape, generator=torch.Generator().manual_seed(2))
    (code * weight).sum().backward()
    assert raw.grad is not None
    assert torch.equal(raw.grad, weight)


def test_entries_follow_the_mean_of_their_vectors() -> None:
    """By hand, with half of the average kept: entry 0 has count 1 and sum 0, and 2 vectors at 1 and 3.

    count = (1 + 2) / 2 = 1.5 and total = (0 + 4) / 2 = 2, so the entry is 4/3. Entry 1 has one vector at 11:
    count = (1 + 1) / 2 = 1, total = (10 + 11) / 2 = 10.5.
    """
    made = book(torch.tensor([[0.0], [10.0]]))
    given = torch.tensor([[1.0], [3.0], [11.0]])
    made.follow(given, nearest(given, made.entries), decay=0.5)
    assert made.count.tolist() == [1.5, 1.0]
    assert made.entries.flatten().tolist() == pytest.approx([4 / 3, 10.5])


def test_dead_entries_move_to_where_the_errors_are() -> None:
    """Entries 2 and 3 are far from all vectors; of these, the two at 10 and 20 are the worst replaced.

    Their squared errors are about 100 and 400 and those of the others at most 0.02. Of the summed errors, a
    quarter is at 10 and three quarters at 20, which hold (100 + 400) / 4 = 125 and (100 + 400) * 3 / 4 = 375:
    both lie in the range of 20 (100 to 500).
    """
    made = book(torch.tensor([[0.0], [-1.0], [1e3], [-1e3]]))
    given = torch.tensor([[0.1], [-1.1], [0.0], [10.0], [20.0], [-1.0], [0.1], [-0.9]])
    made.follow(given, nearest(given, made.entries), decay=0.0)
    assert made.entries[2:].flatten().tolist() == [20.0, 20.0]
    assert made.count[2:].tolist() == [2.0, 2.0]  # the mean use: 8 vectors for 4 entries
    made.follow(given, nearest(given, made.entries), decay=0.0)
    # Now one of them serves 20 alone, and the other is dead again: it moves to 10, the only vector left.
    assert sorted(made.entries[2:].flatten().tolist()) == [10.0, 20.0]


def test_every_entry_comes_into_use() -> None:
    made = book(1e3 + vectors(64, 4)).train()
    for step in range(60):
        quantised(made, vectors(512, 4, step).T.reshape(1, 4, 16, 32))
    _, indices = quantised(made.eval(), vectors(512, 4, 99).T.reshape(1, 4, 16, 32))
    assert len(indices.unique()) > 55


def test_without_the_move_they_stay_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEAD", 0.0)
    made = book(1e3 + vectors(64, 4)).train()
    for step in range(60):
        quantised(made, vectors(512, 4, step).T.reshape(1, 4, 16, 32))
    _, indices = quantised(made.eval(), vectors(512, 4, 99).T.reshape(1, 4, 16, 32))
    assert len(indices.unique()) < 10


def test_no_random_numbers_are_involved() -> None:
    made = [book(1e3 + vectors(16, 4)).train() for _ in range(2)]
    for i, one in enumerate(made):
        torch.manual_seed(i)
        for step in range(5):
            quantised(one, vectors(64, 4, step).T.reshape(1, 4, 8, 8))
    assert torch.equal(made[0].entries, made[1].entries)
    assert torch.equal(made[0].count, made[1].count)


def test_it_starts_at_clusters() -> None:
    """Four clusters of a deviation of 0.01 at the corners of a square."""
    corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    given = corners.repeat(50, 1) + 0.01 * vectors(200, 2)
    made = book(vectors(4, 2, 1))
    made.start(given)
    found = made.entries[made.entries.round().mul(torch.tensor([2.0, 1.0])).sum(dim=1).argsort()]
    assert torch.allclose(found, corners, atol=0.01)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_vector_that_is_not_finite_changes_nothing(value: float) -> None:
    made = book(vectors(4, 3)).train()
    before = {name: one.clone() for name, one in made.state_dict().items()}
    raw = vectors(32, 3, 1).T.reshape(1, 3, 4, 8).clone()
    raw[0, 1, 2, 3] = value
    quantised(made, raw)
    assert all(torch.equal(one, before[name]) for name, one in made.state_dict().items())


@pytest.mark.parametrize("n", [1, 3])
def test_fewer_vectors_than_entries(n: int) -> None:
    given = vectors(n, 2)
    made = book(vectors(8, 2, 1))
    made.start(given)
    assert bool(torch.isfinite(made.entries).all())
    assert torch.allclose(made.entries[nearest(given, made.entries)], given, atol=1e-6)


def test_an_average_over_steps_follows_an_entry_that_moves() -> None:
    """An entry with a use of 0.01 at 0 moves to 5 with a use of 1; the average keeps 0.9 of a step.

    After one step its count is 0.9 * 0.01 + 0.1 = 0.109 and its sum 0.1 * 5, so the entry is at 4.587.
    """
    before, after = book(torch.zeros(2, 1), count=0.01), book(torch.full((2, 1), 5.0))
    for old, new in zip(before.buffers(), after.buffers(), strict=True):
        old.lerp_(new, 0.1)
    assert before.entries.flatten().tolist() == pytest.approx([0.5 / 0.109] * 2)


def test_a_network_starts_with_the_clusters_of_its_own_codes() -> None:
    a = Architecture(
        image_shape=(1, 16, 16),
        widths=(4, 8),
        latent_dim=3,
        code="spatial",
        bypass="none",
        bottleneck="vq",
        entries=16,
    )
    network = Autoencoder(a).eval()
    images = torch.rand((20, 1, 16, 16), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.start_codebook(images)
        output = network(images)
    assert output.raw is not None
    assert output.indices is not None
    assert len(output.indices.unique()) >= 12
    away = (output.raw - output.code).square().sum(dim=1).mean()
    assert float(away) < 0.5 * float(output.raw.var(dim=(0, 2, 3)).sum())

"""What an epoch costs: as many multiplications as the layers say, and counting moves nothing."""

import pytest
from tests.training.small_run import digest, make_job, make_network

from convae.losses import parse_loss
from convae.networks.summary import summarize
from convae.training.flop_count import epoch_cost
from convae.training.tasks.stacked_layers import FromBelow, StackLayer


@pytest.mark.parametrize("code", ["dense", "spatial"])
def test_an_epoch_is_three_passes_a_training_image_and_one_a_validation_image(code: str) -> None:
    job = make_job(optimizer="adam")
    network = make_network(job, bypass="none", code=code)
    forward = summarize(network).multiply_adds
    first = next(row.multiply_adds for row in summarize(network).rows if row.multiply_adds)
    # backward: for the weights and for what went in, but the images need no gradient
    training = len(job.training) * (3 * forward - first)
    assert epoch_cost(network, job) == training + len(job.validation) * forward


def test_counting_changes_nothing_and_gives_the_same_again() -> None:
    job = make_job()
    network = make_network(job)
    before = digest(network)
    assert epoch_cost(network, job) == epoch_cost(network, job)
    assert digest(network) == before


def test_muon_multiplies_in_every_step() -> None:
    adam, few, many = (
        make_job(**given)
        for given in ({"optimizer": "adam"}, {"batch_size": 10}, {"batch_size": 5})
    )
    costs = [epoch_cost(make_network(job), job) for job in (adam, few, many)]
    assert costs[0] < costs[1] < costs[2]
    assert costs[2] - costs[0] == 2 * (costs[1] - costs[0])  # steps: 4 and 2


def test_a_level_costs_the_levels_below_it_too() -> None:
    job = make_job(optimizer="adam")
    network = make_network(job, bypass="none")
    costs = []
    for number in (1, 2, 3):
        job.task = FromBelow(network, number, parse_loss("mse"), None)
        costs.append(epoch_cost(StackLayer(network, number), job))
    rows = summarize(network).rows
    below = sum(r.multiply_adds for r in rows if r.name.startswith("encoder."))
    top = sum(r.multiply_adds for r in rows if r.name.startswith("bottleneck"))
    images = len(job.training) + len(job.validation)
    assert costs[2] >= below * images + 2 * top * len(job.training)
    assert min(costs) > 0

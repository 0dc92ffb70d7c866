"""The parameters of ``SparseAutoencoder`` as command-line settings."""

from convae.cli.settings import Setting, taken
from convae.cli.settings_autoencoder import AUTOENCODER

_OWN = ("bottleneck", "latent_dim")

SPARSE: tuple[Setting, ...] = (
    *taken(
        AUTOENCODER, "bottleneck", common=True,
        default="top-k", metavar="KIND[:STRENGTH]",
        help="Which units stay active: top-k:0.05 keeps the largest 5 % of each code, winners:0.05 keeps "
        "each unit for the 5 % of images that activate it most, l1:0.1 makes units small on average, "
        "kl:0.05 makes each active for about 5 % of the images.",
    ),
    *taken(
        AUTOENCODER, "latent_dim", default=256,
        help="Latent dimension; few units are active for an image.",
    ),
    *(setting for setting in AUTOENCODER if setting.name not in _OWN),
)  # fmt: skip

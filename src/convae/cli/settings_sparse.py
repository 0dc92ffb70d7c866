"""The parameters of ``SparseAutoencoder`` as command-line options."""

from convae.cli.settings import Setting, taken
from convae.cli.settings_autoencoder import AUTOENCODER

_OWN = ("bottleneck", "latent_dim")

SPARSE: tuple[Setting, ...] = (
    *taken(
        AUTOENCODER, "bottleneck", common=True,
        default="top-k", metavar="KIND[:LEVEL]",
        help="Which numbers stay: top-k:0.05 the largest twentieth of each code, winners:0.05 each number "
        "for the twentieth of the images that switch it on most, l1:0.1 small on average, kl:0.05 on for "
        "about a twentieth.",
    ),
    *taken(AUTOENCODER, "latent_dim", default=256, help="Numbers in the code, of which few are on."),
    *(setting for setting in AUTOENCODER if setting.name not in _OWN),
)  # fmt: skip

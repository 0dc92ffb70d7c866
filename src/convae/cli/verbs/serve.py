"""``convae serve``: models behind an HTTP API."""

import click

from convae.cli.options import GroupedCommand, computing, number_option, speaking
from convae.cli.terminal.output import Voice
from convae.errors import InputError

_HELP = """Serve models over HTTP, as an API for other programs.

\b
  convae serve my.convae
  convae serve scratches=board.convae clean.convae --port 9000
  curl --data-binary @image.png http://127.0.0.1:8765/v1/models/my/detect

MODEL is a model file; its name in addresses is that of the file, or NAME=FILE gives another. The server is
reached from this machine only; another --host needs a --token. Results are the same to the last bit as those
of the command line. A model file that changes is loaded again. Ctrl-C or SIGTERM stops the server after the
requests at hand.

Each line of the log on stderr is a JSON object; /metrics is for Prometheus, /openapi.json describes the API.
"""


@click.command("serve", cls=GroupedCommand, help=_HELP)
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address to listen on; 0.0.0.0 is all addresses of the machine.",
)
@number_option(
    "--port", default=8765, least=0, most=65535, help="Port to listen on; 0 takes a free one."
)
@click.option(
    "--token",
    envvar="CONVAE_TOKEN",
    metavar="TEXT",
    help="Token that clients must send. The variable CONVAE_TOKEN keeps it out of the list of processes.",
)
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="Another name of this server, such as that of a reverse proxy. May be given several times.",
)
@number_option("--max-body", default=32, most=4096, help="Largest request in MiB.")
@number_option("--max-pixels", default=25_000_000, help="Largest height times width of an image.")
@number_option("--max-images", default=256, most=100_000, help="Largest number of images in a tar.")
@number_option(
    "--queue",
    default=64,
    most=100_000,
    help="Requests that are received, waiting and computed at one time; more are answered with 503, and "
    "when to try again.",
)
@number_option(
    "--max-memory", default=256, most=2**20, help="Memory for the bodies of all requests, in MiB."
)
@number_option("--timeout", default=30, most=86_400, help="Seconds in which a request must arrive.")
@computing
@speaking
def command(
    models: tuple[str, ...],
    host: str,
    port: int,
    token: str | None,
    hosts: tuple[str, ...],
    max_body: int,
    max_pixels: int,
    max_images: int,
    queue: int,
    max_memory: int,
    timeout: int,
    device: str,
    voice: Voice,
) -> None:
    """Run the verb; the help is above."""
    from convae.cli.runs.serve import serve
    from convae.server.settings import MIB, Settings

    if max_memory < max_body:
        raise InputError(
            f"--max-memory {max_memory} must be at least --max-body {max_body}, or no request of that size "
            "is ever accepted"
        )
    settings = Settings(
        host=host,
        port=port,
        token=token,
        allowed_hosts=hosts,
        max_body=max_body * MIB,
        max_pixels=max_pixels,
        max_images=max_images,
        queue=queue,
        held=max_memory * MIB,
        body_seconds=float(timeout),
    )
    serve(models, settings, device, voice)

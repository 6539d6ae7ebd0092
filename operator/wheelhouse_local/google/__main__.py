"""`python -m wheelhouse_local.google`: the emulated Google as a process of the local world."""

import asyncio
from pathlib import Path

import click

from wheelhouse_local.google.server import Configuration, run


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="The folder for its state.")
@click.option("--kubernetes-server", required=True, help="URL of the API server whose tokens are exchanged.")
@click.option("--kubernetes-ca", type=click.Path(path_type=Path), required=True, help="CA of that server.")
@click.option(
    "--kubernetes-token-file", type=click.Path(path_type=Path), required=True, help="A token to read its keys."
)
@click.option("--token-lifetime", type=click.IntRange(min=1), help="Maximum lifetime of federated tokens, in seconds.")
def main(
    data: Path, kubernetes_server: str, kubernetes_ca: Path, kubernetes_token_file: Path, token_lifetime: int | None
) -> None:
    """Serve the emulated Google on 127.0.0.1 until SIGTERM."""
    asyncio.run(run(Configuration(data, kubernetes_server, kubernetes_ca, kubernetes_token_file, token_lifetime)))


main()

"""`wheelhouse`: runs the operator, prints the CRDs, and runs commands that other packages install."""

import sys
from importlib.metadata import entry_points
from pathlib import Path

import click

from wheelhouse import __version__

GROUP = "wheelhouse.commands"


class Commands(click.Group):
    """Our own commands, and those of the entry-point group, which are imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted({*super().list_commands(ctx), *(found.name for found in entry_points(group=GROUP))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One command by its name."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        for found in entry_points(group=GROUP, name=cmd_name):
            try:
                command = found.load()
            except ModuleNotFoundError as error:
                return _unavailable(cmd_name, str(error.name))
            return command if isinstance(command, click.Command) else None
        return None


def _unavailable(name: str, module: str) -> click.Command:
    @click.command(name, help="Not installed: pip install 'wheelhouse-operator[local]'.")
    def explain() -> None:
        raise click.ClickException(f"{module} is not installed: pip install 'wheelhouse-operator[{name}]'.")

    return explain


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="wheelhouse")
def main() -> None:
    """Wheelhouse: private Python packages on Google Artifact Registry, the Kubernetes way.

    Try it on one machine: `wheelhouse local up --detach`, then `eval "$(wheelhouse local env)"`.
    """


@main.command()
def run() -> None:
    """Run the operator until it receives SIGTERM or SIGINT.

    All settings are environment variables with the prefix WHEELHOUSE_ (docs/reference/settings.md). On GKE none is
    required: the Workload Identity pool comes from the metadata server. The operator finds Kubernetes by KUBECONFIG or
    the pod's ServiceAccount, and Google by Application Default Credentials. Probes and metrics: /healthz, /readyz,
    /metrics.
    """
    # Imported here because --help and `wheelhouse crds` do not need it.
    import asyncio

    from pydantic import ValidationError

    from wheelhouse.bootstrap.operator import Operator
    from wheelhouse.errors import WheelhouseError
    from wheelhouse.runtime.logs import configure
    from wheelhouse.runtime.supervise import TaskFailed
    from wheelhouse.settings import LogFormat, Settings, complaints

    try:
        settings = Settings()
    except ValidationError as error:
        details = "\n".join(f"  {complaint}" for complaint in complaints(error))
        message = f"Correct these settings, or unset them to use defaults (docs/reference/settings.md):\n{details}"
        raise click.ClickException(message) from None
    configure(settings.log_level, json=settings.log_format is LogFormat.JSON)
    try:
        asyncio.run(Operator(settings).run())
    except WheelhouseError as error:
        raise click.ClickException(error.message) from None
    except TaskFailed as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"Cannot serve probes on port {settings.http_port}: {error.strerror}") from None


@main.command()
@click.option("--write", type=click.Path(file_okay=False, path_type=Path), help="Write files into this folder instead.")
@click.option(
    "--reference", type=click.Path(file_okay=False, path_type=Path), help="Write the pages of all fields into a folder."
)
def crds(write: Path | None, reference: Path | None) -> None:
    """Print both CustomResourceDefinitions as YAML, for kubectl apply --server-side -f -."""
    from wheelhouse.api import reference as pages
    from wheelhouse.api import schema

    for folder, files in ((write, schema.render()), (reference, pages.render())):
        for name, text in files.items() if folder else ():
            path = Path(str(folder)) / name
            try:
                path.write_text(text)
            except OSError as error:
                raise click.ClickException(f"Cannot write {path}: {error.strerror}") from None
    if write is None and reference is None:
        sys.stdout.write("---\n".join(schema.render().values()))


if __name__ == "__main__":
    main()

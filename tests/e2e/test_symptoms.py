"""What docs/troubleshooting.md quotes: the real clients print it with a token that has no permission."""

import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from support.consumer import environment
from support.kube import ACCESSES, Kube
from support.pages import COLUMNS, ROOT, agree, blocks

pytestmark = pytest.mark.e2e

PACKAGE = "acme-greeting"
TOOLS = Path(sys.executable).parent


def printed(*command: str, **variables: str) -> str:
    """What a failing command prints."""
    done = subprocess.run(
        command,
        env={**environment(), "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1", "COLUMNS": str(COLUMNS), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode != 0, done.stdout
    return done.stdout


def body(url: str, authorization: str) -> str:
    """The body of a 403 answer."""
    request = urllib.request.Request(url, headers={"Authorization": authorization})
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request, timeout=10)
    assert raised.value.code == 403
    return raised.value.read().decode()


@pytest.fixture
def revoked(kube: Kube, tmp_path: Path) -> Path:
    """A folder with the files of a Secret whose access was deleted: the token is valid, but has no permission."""
    kube.namespace("symptoms")
    kube.repository("symptoms", "symptom-wheels")
    kube.reader("symptoms", "reader", "symptom-wheels", "reader", secret="pip-config")
    kube.await_ready(ACCESSES, "symptoms", "reader")
    for key, text in (kube.secret("symptoms", "pip-config") or {}).items():
        (tmp_path / key).write_text(text)
    kube.delete(ACCESSES, "symptoms", "reader")
    kube.await_gone(ACCESSES, "symptoms", "reader")
    return tmp_path


def test_the_page_quotes_what_the_clients_print(revoked: Path) -> None:
    """The blocks are pip's output, uv's output and the body of the answer, in this order."""
    index = (revoked / "index-url").read_text().strip()
    pip = (sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-cache-dir", "--no-input")
    uv = (str(TOOLS / "uv"), "pip", "install", "--no-cache", "--no-python-downloads", "--target", str(revoked / "uv"))
    netrc = str(revoked / "netrc")
    outputs = [
        printed(
            *pip, "--target", str(revoked / "pip"), PACKAGE, PIP_CONFIG_FILE=str(revoked / "pip.conf"), NETRC=netrc
        ),
        printed(*uv, "--python", sys.executable, PACKAGE, UV_CONFIG_FILE=str(revoked / "uv.toml"), NETRC=netrc),
        body(f"{index}{PACKAGE}/", f"Bearer {(revoked / 'netrc').read_text().split()[-1]}"),
    ]
    quoted = [each.text for each in blocks(ROOT / "docs/troubleshooting.md") if each.note == "compared by"]
    assert len(quoted) == len(outputs)
    for shown, output in zip(quoted, outputs, strict=True):
        short = output.replace(index, "INDEX").replace("symptom-wheels", "team-wheels")
        assert agree(shown, short), f"the page shows\n{shown}\nand it is\n{short}"

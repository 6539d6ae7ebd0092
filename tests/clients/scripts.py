"""What a user of each client types: a script in an empty directory, in which `set -euo pipefail` holds.

Each script ends with the package installed and imported, or uploaded. None of them has a token of its own: it is in the
files that the pod mounts.
"""

import re

ENVIRONMENT = "python -m venv --without-pip env"
USE = "env/bin/python -c 'import demo'"
PROJECT = """
cat > pyproject.toml <<END
[project]
name = "app"
version = "1.0"
requires-python = ">=3.11,<4"
dependencies = ["demo==1.0"]
"""
INDEX = 'url = "$(cat /etc/wheelhouse/index-url)"'
TOKEN = "$(sed 's/.* password //; q' /etc/wheelhouse/netrc)"

PIP = f"{ENVIRONMENT}\npip --python env install demo\n{USE}\n"
UV = "uv venv --quiet\nuv pip install demo\n.venv/bin/python -c 'import demo'\n"
UV_PROJECT = f"{PROJECT}END\nuv sync\nuv run python -c 'import demo'\n"
PIP_TOOLS = f"""echo demo > requirements.in
pip-compile --quiet requirements.in
grep demo==1.0 requirements.txt
{ENVIRONMENT}
pip --python env install -r requirements.txt
{USE}
"""
PIPENV = "pipenv install demo\npipenv run python -c 'import demo'\n"
PIPX = "pipx install demo-app\n~/.local/bin/demo-app\n"
TOX_INI = """cat > tox.ini <<END
[testenv]
package = skip
deps = demo
commands = python -c 'import demo'
END
"""
TOX = f"{TOX_INI}tox run --runner virtualenv\n"
TOX_UV = f"{TOX_INI}tox run --runner uv-venv-runner\n"
HATCH = """cat > pyproject.toml <<END
[project]
name = "app"
version = "1.0"
[tool.hatch.envs.default]
skip-install = true
dependencies = ["demo"]
END
hatch run python -c 'import demo'
"""
BUILD = """cat > pyproject.toml <<END
[build-system]
requires = ["demo-backend"]
build-backend = "demo_backend"
END
python -m build --wheel
ls dist/built-1.0-py3-none-any.whl
"""
POETRY = f"""{PROJECT}[tool.poetry]
package-mode = false
[[tool.poetry.source]]
name = "team-wheels"
{INDEX}
END
poetry install --no-interaction
poetry run python -c 'import demo'
"""
PDM = f"""{PROJECT}[tool.pdm]
distribution = false
END
pdm install
pdm run python -c 'import demo'
"""
NOX = """cat > noxfile.py <<END
import nox
@nox.session
def tests(session):
    session.install("demo")
    session.run("python", "-c", "import demo")
END
nox
"""

PYPIRC = "--config-file /etc/wheelhouse/.pypirc"
TWINE = f"twine upload --non-interactive --disable-progress-bar {PYPIRC} -r team-wheels dist/*.whl\n"
UV_PUBLISH = "uv publish --index team-wheels dist/*.whl\n"
UPLOAD_URL = "upload=$(cat /etc/wheelhouse/index-url)\nupload=${upload%simple/}\n"
POETRY_PUBLISH = f"""{UPLOAD_URL}export POETRY_REPOSITORIES_TEAM_WHEELS_URL="$upload"
export POETRY_HTTP_BASIC_TEAM_WHEELS_USERNAME=oauth2accesstoken
export POETRY_HTTP_BASIC_TEAM_WHEELS_PASSWORD="{TOKEN}"
poetry publish --no-interaction -r team-wheels
"""
PDM_PUBLISH = f"""export PDM_PUBLISH_USERNAME=oauth2accesstoken PDM_PUBLISH_PASSWORD="{TOKEN}"
pdm publish --no-build -r team-wheels
"""
HATCH_PUBLISH = f"""{UPLOAD_URL}export HATCH_INDEX_USER=oauth2accesstoken HATCH_INDEX_AUTH="{TOKEN}"
hatch publish --no-prompt --repo "$upload" dist/*.whl
"""
FLIT_PUBLISH = "flit publish --pypirc /etc/wheelhouse/.pypirc --repository team-wheels\n"


def elsewhere(script: str) -> str:
    """The script for a Secret that uploads to another repository than it installs from."""
    return script.replace(UPLOAD_URL, "upload=$(sed -n 's/^repository = //p' /etc/wheelhouse/.pypirc)\n")


def without_token(script: str) -> str:
    """The script without the variables that have the token: the client asks keyring instead."""
    variable = rf'\w+="{re.escape(TOKEN)}"'
    return re.sub(rf"^export {variable}\n| {variable}", "", script, flags=re.MULTILINE)

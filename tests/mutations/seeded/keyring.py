"""Bugs in Secrets without a token."""

from mutations.bug import Bug

FILES = ("tests/unit/test_keyring_files.py",)
KEYRING = ("tests/convergence/test_keyring.py",)

BUGS = (
    Bug(
        "a Secret without a token has an empty netrc",
        "domain/configuration/files.py",
        "formats = form.formats if form.keyring is None else form.formats - WITH_TOKEN",
        "formats = form.formats",
        FILES,
    ),
    Bug(
        "twine gets an empty password instead of asking keyring",
        "domain/configuration/pypirc.py",
        "return account if configuration.form.keyring is not None else account | {",
        "return account | {",
        FILES,
    ),
    Bug(
        "uv is not told to ask keyring",
        "domain/configuration/uv.py",
        'settings = {"keyring-provider": "subprocess"} if configuration.form.keyring is not None else {}',
        "settings: dict[str, str] = {}",
        FILES,
    ),
    Bug(
        "pip asks no keyring, because the URL has no user",
        "domain/configuration/model.py",
        "            account = USERNAME\n",
        "            return plain\n",
        FILES,
    ),
    Bug(
        "a Secret without a token never gets the files of a new version",
        "reconcile/secret/memory.py",
        "found.form.formats == wanted.form.formats)",
        "True)",
        KEYRING,
    ),
    Bug(
        "a token is minted for a Secret without one",
        "reconcile/secret/content.py",
        "token=_token(access, actor) if form.keyring is None else None,",
        "token=_token(access, actor),",
        KEYRING,
    ),
    Bug(
        "a refusal outlives the token that was refused",
        "reconcile/secret/targets.py",
        "        self.verified = check\n        self.unverified.clear()\n",
        "        self.verified = check\n",
        KEYRING,
    ),
    Bug(
        "the proof of a Google service account is refreshed for ever",
        "reconcile/secret/proofs.py",
        "return None if isinstance(wanted, Content) and wanted.actor == actor else key",
        "return None if isinstance(wanted, Content) and wanted.token == key else key",
        KEYRING,
    ),
    Bug(
        "a restored token stays in a Secret without one",
        "reconcile/secret/rendering.py",
        "return frozenset() if content.token is not None else frozenset(",
        "return frozenset() if True else frozenset(",
        KEYRING,
    ),
    Bug(
        "a Secret without a token is unknown after a restart",
        "reconcile/secret/memory.py",
        "target.tokenless = found.form.keyring is not None and found.current > 0",
        "target.tokenless = False",
        KEYRING,
    ),
    Bug(
        "a Secret waits in a busy loop for its first token",
        "reconcile/secret/distributor.py",
        "            self._sweep.plan(target)  # Its keys are about to change.\n",
        "",
        KEYRING,
    ),
    Bug(
        "after a restart, a recorded token counts as none",
        "reconcile/secret/memory.py",
        "        finished = finished and (found.form.keyring is None) == (token is not None)\n",
        "",
        KEYRING,
    ),
    Bug(
        "the watch repairs no Secret without a token",
        "reconcile/secret/watched.py",
        "if target is None or not target.stands:",
        "if target is None or target.lease is None:",
        ("tests/convergence/test_secret_watch.py",),
    ),
)

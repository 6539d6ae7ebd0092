"""Bugs in where uploads go, and in the consent of the owner of that repository."""

from mutations.bug import Bug

PLAN = ("tests/unit/test_plan_uploads.py",)
SCENES = ("tests/convergence/test_uploads.py",)
FILES = ("tests/unit/test_configuration.py",)
WITHOUT = ("tests/convergence/test_changes_without_operator.py",)

BUGS = (
    Bug(
        "uploads need only the consent of a reader",
        "plan/uploads.py",
        "        frozenset({Role.WRITER}),\n",
        "        frozenset({Role.READER}),\n",
        PLAN,
    ),
    Bug(
        "uploads are judged with the repository that clients install from",
        "plan/uploads.py",
        "replace(access, repository=target, role=Role.WRITER)",
        "replace(access, role=Role.WRITER)",
        PLAN,
    ),
    Bug(
        "lost consent keeps uploads",
        "plan/uploads.py",
        "        return Upload(check=_absent(target) if asker.own else _refused(target))\n",
        "        return Upload(standing, _absent(target) if asker.own else _refused(target))\n",
        PLAN,
    ),
    Bug(
        "another namespace learns that the upload repository is absent",
        "plan/uploads.py",
        "_absent(target) if asker.own else _refused(target)",
        "_absent(target) if view is None else _refused(target)",
        PLAN,
    ),
    Bug(
        "a fan-out shows the upload repository of another team",
        "plan/uploads.py",
        "if target.namespace != access.key.namespace and (elsewhere or _spreads(access)):",
        "if target.namespace == access.key.namespace and (elsewhere or _spreads(access)):",
        PLAN,
    ),
    Bug(
        "uploads go to a Virtual repository",
        "plan/uploads.py",
        "view.mode not in (None, Mode.STANDARD)",
        "view.mode in (Mode.REMOTE,)",
        PLAN,
    ),
    Bug(
        "a suspended upload repository is added",
        "plan/uploads.py",
        "    if judged.permission is Permission.GIVE and view is not None:\n",
        "    if view is not None:\n",
        PLAN,
    ),
    Bug(
        "status names the upload repository",
        "reconcile/uploads.py",
        "if standing is not None and standing != self._managed(declared, target, found):",
        "if standing is not None and standing == declared:",
        SCENES,
    ),
    Bug(
        "a suspended access keeps uploads without consent",
        "reconcile/uploads.py",
        "        return Upload(check=asked.check, again=asked.again)\n",
        "        return Upload(standing, check=asked.check, again=asked.again)\n",
        SCENES,
    ),
    Bug(
        "a removal of uploads is forgotten by a restart",
        "reconcile/secret/memory.py",
        "        finished = finished and found.upload == wanted.uploads_to",
        "        finished = finished and True",
        SCENES,
    ),
    Bug(
        "the first Secret that is written stands for all after a start",
        "reconcile/secret/memory.py",
        "distribution.recorded or found, wanted)",
        "found, wanted)",
        WITHOUT,
    ),
    Bug(
        "a report between two Secrets shows all as desired",
        "reconcile/secret/memory.py",
        "check = before.distributed if distribution.unseen else",
        "check = None if distribution.unseen else",
        WITHOUT,
    ),
    Bug(
        "one failure hides the Secrets that are not written yet",
        "reconcile/secret/memory.py",
        "(partly and not incomplete)",
        "partly",
        WITHOUT,
    ),
    Bug(
        "a report after the first Secret with other files shows all as desired",
        "reconcile/secret/contained.py",
        "    if all_of.unseen and not (same",
        "    if all_of.unseen and False and not (same",
        WITHOUT,
    ),
    Bug(
        "uploads are written before status knows of them",
        "reconcile/secret/distributor.py",
        "        record = about_to_contain(self._findings, stored, content) or record\n",
        "",
        SCENES,
    ),
    Bug(
        "an access does not follow its upload repository",
        "reconcile/access/unit.py",
        "            yield declared.effective.secret.upload\n",
        "            yield declared.effective.repository\n",
        SCENES,
    ),
    Bug(
        "a writer without consent uploads to the other repository",
        "reconcile/secret/content.py",
        "uploads_to = upload.name if upload.requested else",
        "uploads_to = upload.name if upload.name else",
        SCENES,
    ),
    Bug(
        "two repositories have one name",
        "domain/configuration/model.py",
        'return f"{name}-upload" if name == self.name else name',
        "return name",
        FILES,
    ),
    Bug(
        "uv installs from the index for uploads",
        "domain/configuration/uv.py",
        '"explicit": True, ',
        "",
        FILES,
    ),
    Bug(
        "uv asks the Virtual repository what is uploaded already",
        "domain/configuration/uv.py",
        "    return [index, {**other,",
        '    return [{**index, "publish-url": publish}, {**other,',
        FILES,
    ),
    Bug(
        "an identity that may not upload is verified",
        "reconcile/secret/verify.py",
        "barred = not await self._world.may_upload(page.uploads_to, held.token)",
        "barred = await self._world.may_upload(page.uploads_to, held.token) is None",
        SCENES,
    ),
    Bug(
        "uploads that wait for a token count as an edit",
        "reconcile/secret/contained.py",
        "return there if target.digest == digest(content) else",
        "return there if True else",
        SCENES,
    ),
    Bug(
        "the operator asks for itself whether uploads work",
        "clients/google/permissions.py",
        'metadata = [("authorization", f"Bearer {token.value}")]',
        "metadata: list[tuple[str, str]] = []",
        ("tests/contract/test_permissions.py",),
    ),
)

"""What the Secrets of an access contain, in the findings: status has it, so that the next process knows it."""

from dataclasses import replace
from typing import Any

from wheelhouse.domain.configuration.form import ALL_FORMATS
from wheelhouse.domain.findings import pending
from wheelhouse.domain.objects import CustomObject
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.secret.content import Content, digest
from wheelhouse.reconcile.secret.targets import Distribution, Target

WAITING = pending("Waiting for the Secret.")
"""Until all Secrets are counted, status must not say that they are as desired: after a crash, the next process would
believe it."""


def about_to_contain(findings: Findings, stored: CustomObject, content: Content) -> bool:
    """Note the repository that a Secret is about to name for uploads.

    It must be in status first: after a crash, a process that does not know of it would not remove it once its owner
    withdraws the consent.

    Returns:
        Whether status must be written before the Secret.
    """
    if content.uploads_to is None or findings.distribution(stored).upload == content.uploads_to:
        return False
    _note(findings, stored, content)
    return True


def note_contained(findings: Findings, stored: CustomObject, content: Content, all_of: Distribution) -> None:
    """Note what was written.

    Args:
        findings: where it is noted.
        stored: the access.
        content: what the Secret contains.
        all_of: the Secrets of the access. A status that names another identity counts only those that this process
            found as desired.
    """
    found = findings.distribution(stored)
    same = (found.identity, found.acting) == (content.identity, content.acting)
    changes = {"identity": content.identity, "acting": content.acting, "form": content.form}
    # A Secret with a token gets the files of a new version with its next one: until then it is as desired.
    if all_of.unseen and not (same and (content.token is not None or found.form == content.form)):
        changes["distributed"] = WAITING
    _note(findings, stored, content, **changes, current=found.current if same else all_of.current)


def to_expect(content: Content, target: Target) -> Content:
    """The content by which the sweep checks a Secret.

    While a changed content waits for a token, the Secret does not have the files for uploads yet. That is no edit.
    After an update of the operator, a Secret gets the files of the new version with its next token.
    """
    there = replace(content, form=content.form.without(ALL_FORMATS - target.formats))
    return there if target.digest == digest(content) else replace(there, upload_url=None, uploads_to=None)


def _note(findings: Findings, stored: CustomObject, content: Content, **changes: Any) -> None:
    if findings.distribution(stored).upload != content.uploads_to:
        changes |= {"upload": content.uploads_to, "distributed": WAITING}
    findings.note_distribution(stored, **changes)

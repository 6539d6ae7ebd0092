"""Six deletions in any order, and what each order leaves: from docs/how-to/replace-and-delete.md, not from the code."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum


class Thing(StrEnum):
    """What is deleted. `DEFINITIONS` are both CustomResourceDefinitions, as `kubectl delete -k crds` deletes them."""

    ACCESS = "access"
    REPOSITORY = "repository"
    NAMESPACE = "namespace"
    ACCOUNT = "account"
    PROJECT = "project"
    DEFINITIONS = "definitions"


@dataclass(frozen=True, slots=True)
class Setting:
    """What the order alone does not tell.

    Attributes:
        inside: what the deleted Namespace contains: the access, the repository, or both.
        policy: the repository's deletionPolicy.
    """

    inside: AbstractSet[Thing]
    policy: str

    def __str__(self) -> str:
        return f"{'+'.join(sorted(self.inside))}-{self.policy}"


CONTENTS = [frozenset(inside) for inside in ({Thing.ACCESS}, {Thing.REPOSITORY}, {Thing.ACCESS, Thing.REPOSITORY})]
POLICIES = ("Orphan", "Delete", "DeleteIfEmpty")
SETTINGS = [Setting(inside, policy) for inside in CONTENTS for policy in POLICIES]


@dataclass(frozen=True, slots=True)
class Remains:
    """What exists.

    Attributes:
        objects: which of the access, the repository, and the Namespace exist in Kubernetes.
        secret: whether the access's Secret exists.
        created: whether the repository exists in Google.
        labels: whether it has our labels.
        grant: whether its IAM policy has our grant.
    """

    objects: frozenset[Thing]
    secret: bool
    created: bool
    labels: bool
    grant: bool


def remains(deleted: Sequence[Thing], setting: Setting) -> Remains:
    """What these deletions leave, if the operator has time to follow each of them.

    The deletion of a project freezes what Google has in it: nothing there can be read or changed any more, and Google
    purges it later with all its policies. What Kubernetes has does not depend on the project.
    """
    before = deleted[: deleted.index(Thing.PROJECT)] if Thing.PROJECT in deleted else deleted
    first = next((thing for thing in before if _deletes(thing, Thing.REPOSITORY, setting)), None)
    # A CustomResourceDefinition that is deleted orphans repositories, whatever their deletionPolicy is.
    created = first in {None, Thing.DEFINITIONS} or setting.policy == "Orphan"
    objects = {thing for thing in (Thing.ACCESS, Thing.REPOSITORY) if not _gone(thing, deleted, setting)}
    if Thing.NAMESPACE not in deleted:
        objects.add(Thing.NAMESPACE)
    return Remains(
        frozenset(objects),
        secret=objects >= {Thing.ACCESS, Thing.REPOSITORY},
        created=created,
        labels=first is None,
        grant=not any(_gone(thing, before, setting) for thing in (Thing.ACCESS, Thing.REPOSITORY)),
    )


def _gone(thing: Thing, deleted: Sequence[Thing], setting: Setting) -> bool:
    return any(_deletes(each, thing, setting) for each in deleted)


def _deletes(deleted: Thing, thing: Thing, setting: Setting) -> bool:
    """Whether a deletion deletes an object too."""
    if deleted is Thing.NAMESPACE:
        return thing in setting.inside
    return deleted in {thing, Thing.DEFINITIONS}

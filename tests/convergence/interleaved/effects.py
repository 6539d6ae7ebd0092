"""The checks at each effect: who owns the object, what was recorded before, and where tokens are sent."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from convergence.interleaved.expectation import Granted, Level, finalized
from convergence.interleaved.rows import misshapen
from convergence.interleaved.tuples import ledger

from wheelhouse.domain.iam import Policy
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.domain.pools import principal
from wheelhouse.domain.repository import CLUSTER_LABEL, OBJECT_LABEL, Ownership
from wheelhouse.domain.secret import Applied, SecretManifest

if TYPE_CHECKING:
    from convergence.interleaved.site import Site

HOST = re.compile(r"[a-z0-9-]+-python\.pkg\.dev")
STALE = 60.0
"""Seconds after which a decision from an older state is wrong: the watch's lag, and a call that hangs."""
UNREAD = 20.0
"""Seconds for which another client's edit of a status may stay unseen."""
FRESH = 0.75
"""Minimum remaining part of a token's lifetime when it first goes into a Secret."""
TOLERANCE = timedelta(seconds=60)


class Effects:
    """Checks the world before and after each port call that has an effect."""

    def __init__(self, site: "Site") -> None:
        self._site = site
        self._before: Any = None
        self._missing: dict[Granted, float] = {}
        """When a grant that is or was ours ceased to be wanted."""
        self._wished: dict[Granted, float] = {}
        """When a grant started to be wanted."""
        self._ever: set[Granted] = set()
        self._read: dict[str, set[str]] = {}
        """The labels of each repository when an operator last read it: a change replaces them all, without an etag."""
        self._named: dict[tuple[ObjectKey, str, str], float] = {}
        """When a status that names a Secret was last written."""

    def look(self) -> None:
        """Record since when which grants are wanted; called whenever that may have changed."""
        now, expected = self._site.seconds, self._site.expected
        grants = expected.grants
        # What may stay, and may go as well, is not wanted.
        wanted = {each for each, level in grants.items() if level is Level.MUST or each not in expected.optional}
        for grant in wanted:
            self._wished.setdefault(grant, now)
            self._missing.pop(grant, None)
        for grant in [grant for grant in self._wished if grant not in wanted]:
            del self._wished[grant]
            self._missing[grant] = now
        self._ever |= {grant for grant, level in grants.items() if level is Level.MUST}

    def before(self, method: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Remember the state for a comparison with the effect."""
        google, cluster = self._site.fakes.google, self._site.cluster
        match method:
            case "policies.set":
                self._before = google.policy(args[0])
            case "secrets.apply":
                self._before = cluster.secrets.get((args[0].namespace, args[0].name))
            case "repositories.patch" | "repositories.delete" | "repositories.create":
                self._before = google.repositories.get(args[0].full)
            case "index.probe":
                self._host(str(args[0]), "a token was shown to")

    def after(self, method: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], reply: Any) -> None:
        """Check the effect."""
        site = self._site
        if method in {"policies.get", "objects.event", "index.probe", "index.may_upload", "tokens.mint"}:
            return
        site.changed()
        match method:
            case "policies.set":
                self._policy(args[0].full, self._before, site.fakes.google.policy(args[0]))
            case "secrets.apply" if not kwargs.get("dry_run") and isinstance(reply, Applied):
                self._secret(args[0])
            case "objects.write_status" if reply is not None:
                self._status(args[0], reply)
            case "repositories.create":
                self._created(args[0].full)
            case "repositories.get" if reply is not None:
                self._read[args[0].full] = set(reply.labels)
            case "repositories.delete" if self._before is not None:
                self._deleted(args[0].full)
            case "repositories.patch" if self._before is not None:
                self._patched(args[0].full)

    # Policies

    def _policy(self, full: str, before: Policy, after: Policy) -> None:
        site = self._site
        added, removed, wrong = site.tuples.set_by_us(full, before, after)
        if wrong is not None:
            site.complain("foreign", wrong)
        self.look()
        for grant in sorted(added):
            self._added(grant)
        for grant in sorted(removed - site.tuples.doubtful):
            level, since = site.expected.grants.get(grant), self._wished.get(grant, site.seconds)
            # While all is deleted, an access may wait for a grant that only a deleted access ever held.
            if level is Level.MAY and (grant in site.expected.optional or site.releasing):
                continue
            wanting = site.expected.wanted_by.get(grant, set())
            if wanting and all(site.calm.disturbed(str(key), site.seconds - STALE) for key in wanting):
                continue  # No work was possible on any access that wants it: none of them has it.
            words = self.words(grant)
            if level and site.seconds - max(since, site.touched(words)) > STALE and site.seconds > site.settling:
                site.complain("withdrawn", f"{grant} was taken away, and is wanted ({level.name}) for {STALE} s")

    def _added(self, grant: Granted) -> None:
        site = self._site
        level = site.expected.grants.get(grant, Level.NO)
        recent = site.seconds - max(self._missing.get(grant, float("-inf")), self._relabeled(grant)) < STALE
        if site.seconds > site.settling and not recent and site.touched(self.words(grant)) < site.seconds - STALE:
            if level is Level.NO:
                site.complain("given", f"{grant} was added, but no access with consent requests it")
            elif level is Level.MAY and grant not in self._ever:
                site.complain("posture", f"{grant} is new, and its access or repository allows nothing new")
        holders = [body for body in site.bodies(Kind.ACCESS) if grant in ledger(body)]
        edited = site.touched(self.words(grant)) > site.seconds - UNREAD
        if not edited and not any(finalized(body) for body in holders):
            site.complain("record", f"{grant} was given before any status with our finalizer said that it is ours")

    def _relabeled(self, grant: Granted) -> float:
        """When the Namespace of a member last changed: a selector may have matched it just before."""
        found = principal(grant[2])
        known = self._site.judge.memory.namespaces
        return known.get(found[1].namespace, (None, 0.0))[1] if found is not None else float("-inf")

    def words(self, grant: Granted) -> set[str]:
        """The objects that a grant concerns."""
        accesses = self._site.standing.wanted_by.get(grant, set())
        return {grant[0], *map(str, accesses)}

    # Secrets

    def _secret(self, manifest: SecretManifest) -> None:
        site = self._site
        for text in manifest.data.values():
            for url in re.findall(r"https?://[^\s\"']+", text):
                self._host(url, "a Secret has a token beside")
        for word in re.findall(r"machine (\S+)", manifest.data.get("netrc", "")):
            self._host(f"https://{word}/", "netrc has a token for")
        body = site.cluster.objects.get((Kind.ACCESS, manifest.access.key), {})
        record = _status(body).get("secret")
        listed = record if isinstance(record, dict) else {}
        place = (manifest.access.key, manifest.name, manifest.namespace)
        named = listed.get("name") == manifest.name and manifest.namespace in (listed.get("namespaces") or ())
        if len(site.running) > 1:  # Between the check and the request, the other operator may remove the name.
            named = named or site.seconds - self._named.get(place, float("-inf")) < UNREAD
        words = {str(manifest.access.key)}
        read = site.touched(words) < site.seconds - UNREAD and site.seconds > site.settling
        if self._before is None and not named and read:
            site.complain("record", f"Secret {manifest.namespace}/{manifest.name} was written before status named it")
        self._token(manifest)

    def _token(self, manifest: SecretManifest) -> None:
        site, now = self._site, self._site.wall.now()
        new = site.fakes.tokens.minted.get(token_of(manifest.data) or "")
        # Two operators each have their own token, and either may be written last.
        if new is None or site.seconds < site.right_since or len(site.running) > 1:
            return
        identity, minted = new
        stored = self._before.data if self._before is not None else {}
        old = site.fakes.tokens.minted.get(token_of(stored) or "")
        if old is not None and old[0] == identity and minted.expires < old[1].expires - TOLERANCE:
            site.complain("older", f"Secret {manifest.namespace}/{manifest.name} got a token that ends sooner")
        another = old is None or old[1].token.value != minted.token.value
        if another and minted.expires - now < (minted.expires - minted.issued) * FRESH - TOLERANCE:
            site.complain("stale", f"Secret {manifest.namespace}/{manifest.name} got a token of {now - minted.issued}")

    def _host(self, url: str, what: str) -> None:
        host = urlsplit(url).hostname or ""
        if not HOST.fullmatch(host):
            self._site.complain("host", f"{what} {host!r}")

    # Repositories

    def _created(self, full: str) -> None:
        bodies = self._site.bodies(Kind.REPOSITORY)
        recorded = [body for body in bodies if finalized(body) and _status(body).get("repository") == full]
        edited = self._site.touched(map(str, self._site.expected.repositories)) > self._site.seconds - UNREAD
        if not recorded and not edited and self._site.seconds > self._site.restored:
            self._site.complain("record", f"{full} was created before any status with our finalizer named it")

    def _deleted(self, full: str) -> None:
        for key, repository in self._site.expected.repositories.items():
            body = self._site.cluster.objects.get((Kind.REPOSITORY, key), {"metadata": {}})
            policy = repository.spec.get("deletionPolicy", "Orphan")
            ours = Ownership.of("cluster-1", key).labels.items() <= self._before.labels.items()
            empty = policy == "DeleteIfEmpty" and full not in self._site.fakes.google.filled
            if ours and "deletionTimestamp" in body["metadata"] and (policy == "Delete" or empty):
                self._site.standing.deleted.add(full)
                return
        if OBJECT_LABEL in self._read.get(full, ()) and self._site.touched({full}) > self._site.seconds - UNREAD:
            return  # Another client replaced it since the operator read it: a delete has no etag.
        self._site.complain("deleted", f"{full} was deleted, and no object of ours asks for that")

    def _patched(self, full: str) -> None:
        after = self._site.fakes.google.repositories[full]
        theirs = {name: text for name, text in self._before.labels.items() if not name.startswith("wheelhouse")}
        if self._before.labels.get(OBJECT_LABEL) and self._before.labels.get(CLUSTER_LABEL) != "cluster-1":
            self._site.complain("foreign", f"{full} of another cluster was patched")
        known = {name for name in theirs if name in self._read.get(full, theirs)}
        lost = {name for name in known if name.startswith("theirs") and name not in after.labels}
        if lost:
            self._site.complain("foreign", f"labels {lost} of others were taken from {full}")

    # Status

    def _status(self, kind: Kind, written: CustomObject) -> None:
        site = self._site
        if (wrong := misshapen(written.status, written.generation)) is not None:
            site.complain("conditions", f"{kind.kind} {written.key}: {wrong}")
        rows = {row["type"]: row for row in written.status.get("conditions", ()) if isinstance(row, dict)}
        ready = rows.get("Ready", {})
        listed = written.status.get("secret") or {}
        for namespace in listed.get("namespaces", ()):
            self._named[written.key, listed.get("name"), namespace] = site.seconds
        current = ready.get("observedGeneration") == written.generation
        if current and ready.get("status") == "True" and ready.get("reason") != "Suspended":
            site.standing.claimed(kind, written.key, written.uid, written.generation)


def token_of(data: Mapping[str, str]) -> str | None:
    """The token in a Secret, from its netrc; None if there is none."""
    words = data.get("netrc", "").split()
    return words[-1] if "password" in words else None


def _status(body: Mapping[str, Any]) -> Mapping[str, Any]:
    status = body.get("status")
    return status if isinstance(status, dict) else {}

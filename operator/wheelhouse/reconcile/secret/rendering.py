"""The Secret to apply, from its desired content and a token."""

from collections import OrderedDict
from collections.abc import Mapping

from wheelhouse.domain.configuration.credential import Credential
from wheelhouse.domain.configuration.files import keys, render
from wheelhouse.domain.configuration.model import ClientConfiguration, RenderError, UploadIndex
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.secret import (
    AUTHENTICATION_ANNOTATION,
    EXPIRES_ANNOTATION,
    REFRESH_ANNOTATION,
    AccessReference,
    SecretManifest,
)
from wheelhouse.domain.urls import index_urls
from wheelhouse.errors import Refused
from wheelhouse.plan.leases import HeldToken
from wheelhouse.reconcile.secret.content import Content
from wheelhouse.status.conditions import timestamp

IGNORE_ANNOTATION = "reloader.stakater.com/ignore"

RENDERED = 8
"""How many contents are kept: several fan-outs may be written at the same time."""


class Renderer:
    """Creates manifests; the files are rendered once for all Secrets of one content and token.

    Args:
        template: the setting `index_url_template`.
    """

    def __init__(self, template: str | None) -> None:
        self._template = template
        self._rendered: OrderedDict[ClientConfiguration, Mapping[str, str]] = OrderedDict()

    def manifest(
        self, access: AccessReference, namespace: str, content: Content, held: HeldToken | None
    ) -> SecretManifest:
        """The Secret to apply.

        Args:
            access: the access that it belongs to.
            namespace: where it is.
            content: what it has.
            held: its token; None if it has none.

        Raises:
            Refused: a client's file does not parse to the intended values.
        """
        annotations = {**_times(held), IGNORE_ANNOTATION: "true", **_authentication(content)}
        return SecretManifest(namespace, content.name, access, self._data(content, held), annotations)

    def _data(self, content: Content, held: HeldToken | None) -> Mapping[str, str]:
        token, upload = held.token if held is not None else None, self._upload_index(content)
        asked = ClientConfiguration(content.index, content.index_url, content.upload_url, token, content.form, upload)
        known = self._rendered.get(asked)
        if known is not None:
            return known
        try:
            data = render(asked, self._template)
        except RenderError as error:
            raise Refused(f"The Secret is not written: {error}.", Reason.TOKEN_REFUSED) from None
        self._rendered[asked] = data
        if len(self._rendered) > RENDERED:
            self._rendered.popitem(last=False)
        return data

    def _upload_index(self, content: Content) -> UploadIndex | None:
        """The index of the repository that uploads go to, if that is not the one that clients install from."""
        if content.uploads_to is None:
            return None
        url, _ = index_urls(content.uploads_to, self._template)
        return UploadIndex(content.uploads_to.repository_id, url) if url != content.index_url else None


def paths(access: AccessReference, namespace: str, content: Content) -> frozenset[str]:
    """The paths that the access's field manager owns in a Secret of this content, whatever the token."""
    data = dict.fromkeys(keys(content.form, uploads=content.upload_url is not None), "")
    times = (EXPIRES_ANNOTATION, REFRESH_ANNOTATION) if content.token is not None else ()
    annotations = dict.fromkeys((*times, IGNORE_ANNOTATION), "")
    annotations |= _authentication(content)
    return SecretManifest(namespace, content.name, access, data, annotations).paths


def unwanted(content: Content) -> frozenset[str]:
    """The paths that only a Secret with a token has, and that one without a token must lose."""
    return frozenset() if content.token is not None else frozenset({f"metadata.annotations.{EXPIRES_ANNOTATION}"})


def _authentication(content: Content) -> dict[str, str]:
    """The annotation. Secrets with the token in URLs have none, so those of earlier versions need no change."""
    if content.form.keyring is not None:
        return {AUTHENTICATION_ANNOTATION: str(Credential.KEYRING)}
    return {} if content.form.in_urls else {AUTHENTICATION_ANNOTATION: str(content.form.authentication)}


def _times(held: HeldToken | None) -> dict[str, str]:
    """The annotations with the times of the token."""
    if held is None:
        return {}
    return {
        EXPIRES_ANNOTATION: timestamp(held.lease.expires),
        REFRESH_ANNOTATION: timestamp(held.lease.refreshes),
    }

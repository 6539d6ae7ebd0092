"""A permission that the service agent seems to lack is reported with the command that grants it."""

from dataclasses import replace

from fakes.wishes import NAME, OWNERSHIP

from wheelhouse.domain.modes import Credentials, Mode, Remote
from wheelhouse.domain.project import Project
from wheelhouse.domain.repository import DesiredRepository
from wheelhouse.plan.preflight import advice, needs

STANDARD = DesiredRepository(NAME, OWNERSHIP)
PROJECT = Project("acme-packages", "42", active=True)
KEY = "projects/keys/locations/us-central1/keyRings/ring/cryptoKeys/wheels"


def test_a_plain_repository_needs_nothing() -> None:
    """No key and no upstream's password: no permission is needed."""
    assert needs(STANDARD) == ()
    assert needs(replace(STANDARD, mode=Mode.REMOTE, remote=Remote("PyPI"))) == ()


def test_a_key_needs_its_role() -> None:
    """The command names key, ring, location, project, role and the service agent of the repository's project."""
    (need,) = needs(replace(STANDARD, kms_key_name=KEY))
    command = (
        "gcloud kms keys add-iam-policy-binding wheels --project=keys --location=us-central1 --keyring=ring"
        " --member=serviceAccount:service-42@gcp-sa-artifactregistry.iam.gserviceaccount.com"
        " --role=roles/cloudkms.cryptoKeyEncrypterDecrypter"
    )
    assert advice(need, PROJECT).endswith(f"run: {command}")


def test_an_upstreams_password_needs_its_role() -> None:
    """The secret is named without its version."""
    remote = Remote("https://a.example", Credentials("ann", "projects/p/secrets/s/versions/7"))
    (need,) = needs(replace(STANDARD, mode=Mode.REMOTE, remote=remote))
    command = (
        "gcloud secrets add-iam-policy-binding s --project=p"
        " --member=serviceAccount:service-42@gcp-sa-artifactregistry.iam.gserviceaccount.com"
        " --role=roles/secretmanager.secretAccessor"
    )
    assert advice(need, PROJECT).endswith(f"run: {command}")

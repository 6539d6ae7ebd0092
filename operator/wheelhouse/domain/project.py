"""The parts of Google Cloud projects that repositories depend on."""

from dataclasses import dataclass

AGENT_DOMAIN = "gcp-sa-artifactregistry.iam.gserviceaccount.com"
"""Domain of Artifact Registry's service agents (https://cloud.google.com/iam/docs/service-agents)."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project by its id, with its number; `active` is false once its deletion is requested."""

    project_id: str
    number: str
    active: bool

    @property
    def agent(self) -> str:
        """The e-mail of Artifact Registry's service agent, which reads keys, secrets and upstreams for the project."""
        return f"service-{self.number}@{AGENT_DOMAIN}"

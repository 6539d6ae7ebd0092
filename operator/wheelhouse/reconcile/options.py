"""Settings that affect decisions."""

from dataclasses import dataclass
from datetime import timedelta

from wheelhouse.domain.configuration.form import Format
from wheelhouse.domain.pools import Pool


@dataclass(frozen=True, slots=True)
class Options:
    """Settings that affect decisions; wheelhouse.settings describes them."""

    cluster: str
    any_project: bool
    enable_apis: bool
    create_interval: timedelta
    index_url_template: str | None
    verify_access: bool
    drift_interval: timedelta
    migrate_from: Pool | None
    denied_formats: frozenset[Format] = frozenset()
    """Formats of Secrets with a key that an admission policy denied at the start."""

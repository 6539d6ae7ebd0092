"""Settings that affect decisions."""

from dataclasses import dataclass
from datetime import timedelta

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

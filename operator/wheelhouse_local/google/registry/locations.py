"""The locations of repositories: the regions and multi-regions that Google Cloud has published.

Not recorded from the service (`gcloud artifacts locations list` shows them): newer ones are missing.
"""

LOCATIONS = (
    "africa-south1",
    "asia",
    *(f"asia-{where}" for where in ("east1", "east2", "northeast1", "northeast2", "northeast3")),
    *(f"asia-{where}" for where in ("south1", "south2", "southeast1", "southeast2")),
    *(f"australia-southeast{number}" for number in (1, 2)),
    "europe",
    *(f"europe-{where}" for where in ("central2", "north1", "north2", "southwest1")),
    *(f"europe-west{number}" for number in (1, 2, 3, 4, 6, 8, 9, 10, 12)),
    *(f"me-{where}" for where in ("central1", "central2", "west1")),
    *(f"northamerica-{where}" for where in ("northeast1", "northeast2", "south1")),
    *(f"southamerica-{where}" for where in ("east1", "west1")),
    "us",
    *(f"us-{where}" for where in ("central1", "east1", "east4", "east5", "south1")),
    *(f"us-west{number}" for number in (1, 2, 3, 4)),
)

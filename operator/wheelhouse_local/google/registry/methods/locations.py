"""Methods about locations."""

from google.cloud.location import locations_pb2

from wheelhouse_local.google.registry.locations import LOCATIONS
from wheelhouse_local.google.registry.methods.base import method
from wheelhouse_local.google.transport.errors import not_found
from wheelhouse_local.google.transport.method import Method

MIXIN = "google.cloud.location.Locations"
"""The gRPC service; its name in faults and the trace is ArtifactRegistry."""


def methods() -> dict[str, Method]:
    """The table; the required permissions are not known: any token is accepted."""
    return {
        "ArtifactRegistry.ListLocations": method(
            locations_pb2.ListLocationsRequest,
            locations_pb2.ListLocationsResponse,
            "name",
            None,
            lambda asked: locations_pb2.ListLocationsResponse(
                locations=[_location(f"{asked.name}/locations/{location}") for location in LOCATIONS]
            ),
            service=MIXIN,
        ),
        "ArtifactRegistry.GetLocation": method(
            locations_pb2.GetLocationRequest,
            locations_pb2.Location,
            "name",
            None,
            lambda asked: _location(asked.name),
            service=MIXIN,
        ),
    }


def _location(name: str) -> locations_pb2.Location:
    location = name.rpartition("/locations/")[2]
    if location not in LOCATIONS:
        raise not_found()
    return locations_pb2.Location(name=name, location_id=location)

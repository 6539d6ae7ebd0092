"""The HTTP form of Artifact Registry's methods.

The rules are those of the published protos (google.api.http), and of gcloud's additional requests.
"""

from wheelhouse_local.google.transport.method import HttpRule

PROJECT = "projects/[^/]+"
LOCATION = f"{PROJECT}/locations/[^/:]+"
REPOSITORY = f"{LOCATION}/repositories/[^/:]+"
PACKAGE = f"{REPOSITORY}/packages/[^/:]+"
CONTENTS = (
    HttpRule("GET", REPOSITORY, "/packages", "ArtifactRegistry.ListPackages"),
    HttpRule("GET", PACKAGE, "", "ArtifactRegistry.GetPackage"),
    HttpRule("DELETE", PACKAGE, "", "ArtifactRegistry.DeletePackage"),
    HttpRule("GET", PACKAGE, "/versions", "ArtifactRegistry.ListVersions"),
    HttpRule("GET", f"{PACKAGE}/versions/[^/:]+", "", "ArtifactRegistry.GetVersion"),
    HttpRule("DELETE", f"{PACKAGE}/versions/[^/:]+", "", "ArtifactRegistry.DeleteVersion"),
    HttpRule("GET", REPOSITORY, "/files", "ArtifactRegistry.ListFiles"),
    # Published: a get accepts a path of several segments, a delete only a quoted one.
    HttpRule("GET", f"{REPOSITORY}/files/[^:]+", "", "ArtifactRegistry.GetFile"),
    HttpRule("DELETE", f"{REPOSITORY}/files/[^/:]+", "", "ArtifactRegistry.DeleteFile"),
    HttpRule("GET", REPOSITORY, "/pythonPackages", "ArtifactRegistry.ListPythonPackages"),
    HttpRule("GET", f"{REPOSITORY}/pythonPackages/[^/]+", "", "ArtifactRegistry.GetPythonPackage"),
)
RULES = (
    HttpRule("POST", LOCATION, "/repositories", "ArtifactRegistry.CreateRepository", "repository"),
    HttpRule("GET", LOCATION, "/repositories", "ArtifactRegistry.ListRepositories"),
    HttpRule("GET", REPOSITORY, "", "ArtifactRegistry.GetRepository"),
    HttpRule("PATCH", REPOSITORY, "", "ArtifactRegistry.UpdateRepository", "repository"),
    HttpRule("DELETE", REPOSITORY, "", "ArtifactRegistry.DeleteRepository"),
    HttpRule("GET", REPOSITORY, ":getIamPolicy", "ArtifactRegistry.GetIamPolicy"),
    HttpRule("POST", REPOSITORY, ":setIamPolicy", "ArtifactRegistry.SetIamPolicy", "*"),
    HttpRule("POST", REPOSITORY, ":testIamPermissions", "ArtifactRegistry.TestIamPermissions", "*"),
    *CONTENTS,
    HttpRule("GET", f"{LOCATION}/operations/[^/:]+", "", "Operations.GetOperation"),
    HttpRule("GET", LOCATION, "", "ArtifactRegistry.GetLocation"),
    HttpRule("GET", PROJECT, "/locations", "ArtifactRegistry.ListLocations"),
    # gcloud lists locations in this API version.
    HttpRule("GET", PROJECT, "/locations", "ArtifactRegistry.ListLocations", version="v1beta2"),
)

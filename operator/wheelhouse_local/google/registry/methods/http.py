"""How the methods of Artifact Registry are called over HTTP.

The rules are those of the published protos (google.api.http), and of what gcloud sends besides.
"""

from wheelhouse_local.google.transport.method import HttpRule

_REST_ONLY = ("networkConfig", "sbomConfig")
"""Fields of a repository that gcloud's messages have and the protos have not. The real service keeps them."""
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
    # Published: a get takes a path of several segments, a delete one that is quoted.
    HttpRule("GET", f"{REPOSITORY}/files/[^:]+", "", "ArtifactRegistry.GetFile"),
    HttpRule("DELETE", f"{REPOSITORY}/files/[^/:]+", "", "ArtifactRegistry.DeleteFile"),
    HttpRule("GET", REPOSITORY, "/pythonPackages", "ArtifactRegistry.ListPythonPackages"),
    HttpRule("GET", f"{REPOSITORY}/pythonPackages/[^/]+", "", "ArtifactRegistry.GetPythonPackage"),
)
RULES = (
    HttpRule("POST", LOCATION, "/repositories", "ArtifactRegistry.CreateRepository", "repository", refused=_REST_ONLY),
    HttpRule("GET", LOCATION, "/repositories", "ArtifactRegistry.ListRepositories"),
    HttpRule("GET", REPOSITORY, "", "ArtifactRegistry.GetRepository"),
    HttpRule("PATCH", REPOSITORY, "", "ArtifactRegistry.UpdateRepository", "repository", refused=_REST_ONLY),
    HttpRule("DELETE", REPOSITORY, "", "ArtifactRegistry.DeleteRepository"),
    HttpRule("GET", REPOSITORY, ":getIamPolicy", "ArtifactRegistry.GetIamPolicy"),
    HttpRule("POST", REPOSITORY, ":setIamPolicy", "ArtifactRegistry.SetIamPolicy", "*"),
    HttpRule("POST", REPOSITORY, ":testIamPermissions", "ArtifactRegistry.TestIamPermissions", "*"),
    *CONTENTS,
    HttpRule("GET", f"{LOCATION}/operations/[^/:]+", "", "Operations.GetOperation"),
    HttpRule("GET", LOCATION, "", "ArtifactRegistry.GetLocation"),
    HttpRule("GET", PROJECT, "/locations", "ArtifactRegistry.ListLocations"),
    # gcloud lists locations in this version.
    HttpRule("GET", PROJECT, "/locations", "ArtifactRegistry.ListLocations", version="v1beta2"),
)

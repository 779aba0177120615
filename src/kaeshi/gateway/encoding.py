"""Content encodings of HTTP bodies: gzip, deflate, br and zstd.

A small body can be the compressed form of a huge one, so every decoder has a limit.
"""

import zlib
from collections.abc import AsyncIterator, Callable

import brotli
import zstandard

from kaeshi.errors import InvalidInput

GZIP = 16 + zlib.MAX_WBITS
ENCODINGS = ("gzip", "deflate", "br", "zstd")
PIECE = 64 * 1024


class TooLarge(InvalidInput):
    """The decoded body is over the limit."""


def decoded(body: bytes, encodings: bytes, limit: int) -> bytes:
    """A body without its encodings.

    `encodings`: the value of Content-Encoding, the last applied first undone. Raises InvalidInput
    for an unknown or broken one, TooLarge beyond `limit` bytes.
    """
    names = [name.strip().lower() for name in encodings.decode("latin-1").split(",")]
    for name in reversed([name for name in names if name not in {"", "identity"}]):
        body = _decoded(body, name, limit)
    return body


def _decoded(body: bytes, name: str, limit: int) -> bytes:
    decoder = _decoder(name)
    parts: list[bytes] = []
    size = 0
    try:
        for start in range(0, len(body), PIECE):
            part = decoder(body[start : start + PIECE])
            size += len(part)
            if size > limit:
                msg = f"the body is over {limit} bytes once it is decompressed"
                raise TooLarge(msg)
            parts.append(part)
    except (zlib.error, brotli.error, zstandard.ZstdError) as error:
        msg = f"the body is not {name}, as Content-Encoding says"
        raise InvalidInput(msg) from error
    return b"".join(parts)


def _decoder(name: str) -> Callable[[bytes], bytes]:
    if name in {"gzip", "x-gzip"}:
        return _Gzip()
    if name == "deflate":
        return _Deflate()
    if name == "br":
        return _brotli()
    if name == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress
    msg = f"Content-Encoding {name!r} is none of {', '.join(ENCODINGS)}"
    raise InvalidInput(msg)


def _brotli() -> Callable[[bytes], bytes]:
    decoder = brotli.Decompressor()
    return lambda piece: bytes(decoder.process(piece))


class _Gzip:
    """Gzip, of one member or of several (RFC 1952)."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(GZIP)

    def __call__(self, piece: bytes) -> bytes:
        parts = [self._decoder.decompress(piece)]
        while self._decoder.eof and self._decoder.unused_data:
            rest = self._decoder.unused_data
            self._decoder = zlib.decompressobj(GZIP)
            parts.append(self._decoder.decompress(rest))
        return b"".join(parts)


class _Deflate:
    """Deflate with zlib's header, as the standard says, or without, as some clients send it."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj()
        self._is_first = True

    def __call__(self, piece: bytes) -> bytes:
        try:
            return self._decoder.decompress(piece)
        except zlib.error:
            if not self._is_first:
                raise
            self._decoder = zlib.decompressobj(-zlib.MAX_WBITS)
            return self._decoder.decompress(piece)
        finally:
            self._is_first = False


async def decoded_pieces(pieces: AsyncIterator[bytes], encoding: bytes) -> AsyncIterator[bytes]:
    """A stream without its encoding, piece by piece."""
    decoder = _decoder(encoding.decode("latin-1").strip().lower())
    try:
        async for piece in pieces:
            part = decoder(piece)
            if part:
                yield part
    finally:
        await pieces.aclose()  # type: ignore[attr-defined]  # every stream here is an async generator

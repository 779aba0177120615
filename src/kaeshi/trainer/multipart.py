"""Form uploads, read with python-multipart."""

import io

from kaeshi.errors import InvalidInput


def parse_form(
    body: bytes, content_type: str
) -> tuple[dict[str, str], dict[str, tuple[str, bytes]]]:
    """Plain fields, and files as (name, content). Raises InvalidInput."""
    from python_multipart import parse_form as parse
    from python_multipart.exceptions import FormParserError

    fields: dict[str, str] = {}
    files: dict[str, tuple[str, bytes]] = {}

    def on_field(field: object) -> None:
        fields[_text(field.field_name)] = _text(field.value)  # type: ignore[attr-defined]  # the library's own objects

    def on_file(file: object) -> None:
        file.file_object.seek(0)  # type: ignore[attr-defined]
        files[_text(file.field_name)] = (_text(file.file_name), file.file_object.read())  # type: ignore[attr-defined]
        file.close()  # type: ignore[attr-defined]

    headers = {"Content-Type": content_type.encode(), "Content-Length": str(len(body)).encode()}
    try:
        parse(headers, io.BytesIO(body), on_field, on_file)
    except (FormParserError, ValueError) as error:
        msg = f"the upload is not a multipart form: {error}"
        raise InvalidInput(msg) from error
    return fields, files


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")

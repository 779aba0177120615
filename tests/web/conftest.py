"""A client of a server of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from kaeshi.settings import Settings
from kaeshi.web.app import create

LOCAL = ("127.0.0.1", 50000)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    app = create(Settings(kaeshi_data_dir=tmp_path / "data"), with_scheduler=False)
    with TestClient(
        app, base_url="http://127.0.0.1", client=LOCAL, raise_server_exceptions=False
    ) as opened:
        yield opened

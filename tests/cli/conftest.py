"""A provider on loopback, as a process of its own."""

import sys
from collections.abc import Iterator

import pytest

from wire.serving import free_port, running

UPSTREAM = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = {"role": "assistant", "content": f"{asked['model']}: at seven."}
        choice = {"index": 0, "finish_reason": "stop", "message": said}
        about = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1}
        body = json.dumps({**about, "model": asked["model"], "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.send_response(404)
        self.end_headers()

HTTPServer(("127.0.0.1", int(sys.argv[1])), Provider).serve_forever()
"""


@pytest.fixture
def provider() -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running([sys.executable, "-c", UPSTREAM, str(port)], url):
        yield f"{url}/v1"

"""Webhooks about ended jobs.

OpenAI's webhook events, signed as in the Standard Webhooks specification. Delivery is best effort:
an event that fails a few times, or is pending when the process ends, is lost, and clients poll.
"""

import base64
import binascii
import hashlib
import hmac
import json
import threading
import time
import urllib.request
from dataclasses import dataclass

from kaeshi.errors import Misconfigured
from kaeshi.ports import Clock, Ids

WAITS = (1.0, 5.0, 25.0)  # seconds between tries
TIMEOUT = 10.0


def key_of(secret: str) -> bytes:
    """The signing key in a `whsec_...` secret. Raises Misconfigured."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        msg = (
            "TRAINER_WEBHOOK_SECRET is not base64 after 'whsec_'; make one with: echo "
            "whsec_$(openssl rand -base64 32)"
        )
        raise Misconfigured(msg) from error


def signed(key: bytes, name: str, seconds: int, body: bytes) -> dict[str, str]:
    """The headers that prove the sender of the body, and the time."""
    content = b".".join((name.encode(), str(seconds).encode(), body))
    signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": name,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{signature}",
    }


@dataclass(frozen=True, kw_only=True)
class Webhooks:
    """Posts events to one address, each on a thread of its own."""

    url: str
    key: bytes
    clock: Clock
    ids: Ids

    def tell(self, kind: str, job: str) -> threading.Thread:
        """Post `fine_tuning.job.{kind}`; returns the thread."""
        seconds = int(self.clock.now().timestamp())
        name = self.ids.new("evt")
        event = {
            "id": name,
            "object": "event",
            "type": f"fine_tuning.job.{kind}",
            "created_at": seconds,
            "data": {"id": job},
        }
        body = json.dumps(event).encode()
        headers = {"content-type": "application/json", **signed(self.key, name, seconds, body)}
        request = urllib.request.Request(self.url, body, headers, method="POST")  # noqa: S310  # the operator's own address
        sender = threading.Thread(target=_sent, args=(request,), name=f"webhook {job}", daemon=True)
        sender.start()
        return sender


def _sent(request: urllib.request.Request) -> None:
    for pause in (*WAITS, None):
        try:
            urllib.request.urlopen(request, timeout=TIMEOUT).close()  # noqa: S310  # see above
        except OSError:  # refused, timed out, or answered with an error
            if pause is None:
                return
            time.sleep(pause)
        else:
            return

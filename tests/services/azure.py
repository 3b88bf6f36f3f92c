"""A real server that speaks Azure's language for tests: Microsoft's Azurite, of npm."""

from __future__ import annotations

import base64
import hashlib
import hmac
import urllib.request
import uuid
from email.utils import formatdate
from pathlib import Path

from services.s3 import ObjectServer

_ACCOUNT = "devstoreaccount1"
_VERSION = "2021-08-06"


class AzureServer(ObjectServer):
    """Azurite's server of blobs, which keeps them in its memory."""

    variable = "CREME_AZURE_SERVER"
    # The one of Azurite's account, which all have.
    secret = (
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    )

    def __init__(self, program: str, log: Path) -> None:
        super().__init__(program, log)
        self.environment = {
            "AZURE_STORAGE_ACCOUNT_NAME": _ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": self.secret,
            "AZURE_STORAGE_ENDPOINT": f"{self.address}/{_ACCOUNT}",
        }

    def _arguments(self) -> list[str]:
        return [
            "--blobHost", "127.0.0.1", "--blobPort", str(self._port), "--inMemoryPersistence",
            "--skipApiVersionCheck", "--disableTelemetry", "--silent",
        ]  # fmt: skip

    def url(self, bucket: str | None = None) -> str:
        """The URL of a prefix in a container, which is new unless it is named."""
        if bucket is None:
            bucket = f"lab-{uuid.uuid4().hex[:12]}"
            self._make(bucket)
        return f"az://{bucket}/predictions"

    def _make(self, container: str) -> None:
        date = formatdate(usegmt=True)
        resource = f"/{_ACCOUNT}/{_ACCOUNT}/{container}\nrestype:container"
        text = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{_VERSION}\n{resource}"
        signed = hmac.digest(base64.b64decode(self.secret), text.encode(), hashlib.sha256)
        headers = {
            "x-ms-date": date,
            "x-ms-version": _VERSION,
            "Authorization": f"SharedKey {_ACCOUNT}:{base64.b64encode(signed).decode()}",
            "Content-Type": "",
            "Content-Length": "0",
        }
        where = f"{self.address}/{_ACCOUNT}/{container}?restype=container"
        request = urllib.request.Request(where, method="PUT", headers=headers)
        urllib.request.urlopen(request, timeout=60).close()

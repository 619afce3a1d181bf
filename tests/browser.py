"""A headless Chromium driven over its DevTools protocol: what a person would see, press and print."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import websocket

CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--no-default-browser-check", "--remote-debugging-port=0", "--hide-scrollbars"),
)
_PATIENCE = 120.0
_KEYS = {"Enter": 13, "ArrowDown": 40, "ArrowUp": 38, "ArrowRight": 39, "Tab": 9, "Escape": 27, " ": 32}


class Page:
    """One tab; remembers every request, error and dialog since it was opened."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=_PATIENCE, suppress_origin=True)
        self._number = 0
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.dialogs = 0
        for part in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{part}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while (message := json.loads(self._socket.recv())).get("id") != self._number:
            self._hear(message)
        assert "error" not in message, message
        return message["result"]

    def _hear(self, message: dict[str, Any]) -> None:
        method, params = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"].get("exception", {}).get("description", "exception"))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
        elif method == "Page.javascriptDialogOpening":
            self.dialogs += 1
            self._socket.send(
                json.dumps({"id": 0, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}})
            )

    def close(self) -> None:
        self._socket.close()

    def open(self, path: Path) -> None:
        self.call("Page.navigate", url=path.as_uri())
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")

    def run(self, script: str) -> Any:
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, script: str) -> None:
        end = time.monotonic() + _PATIENCE
        while not self.run(script):
            assert time.monotonic() < end, f"never came true: {script}"
            time.sleep(0.02)

    def size(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def press(self, key: str) -> None:
        """Press a key as a person would."""
        code = _KEYS.get(key, ord(key[0].upper()))
        text = "\r" if key == "Enter" else key if len(key) == 1 else ""
        name = {"key": key, "windowsVirtualKeyCode": code, **({"text": text} if text else {})}
        self.call("Input.dispatchKeyEvent", type="keyDown", **name)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def write(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def choose(self, role: str, text: str) -> None:
        """Choose an option of a control by what it says."""
        self.run(
            f"(() => {{ const s = document.querySelector('select[data-role=\"{role}\"]');"
            f"s.value = [...s.options].find((o) => o.text === {json.dumps(text)}).value;"
            "s.dispatchEvent(new Event('input', {bubbles: true})); })()"
        )

    def picture(self, path: Path, *, whole: bool = False) -> None:
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def print(self, path: Path) -> None:
        paper = self.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        path.write_bytes(base64.b64decode(paper["data"]))


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """Yield an empty tab of a Chromium with a profile of its own."""
    process = subprocess.Popen(
        [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    page = None
    try:
        page = _first_page(process, profile / "DevToolsActivePort")
        yield page
    finally:
        if page is not None:
            page.close()
        process.terminate()
        process.wait(timeout=30)


def _first_page(process: subprocess.Popen[bytes], port_file: Path) -> Page:
    end = time.monotonic() + _PATIENCE
    while not (port_file.exists() and port_file.read_text().count("\n")):
        assert process.poll() is None, "Chromium did not start"
        assert time.monotonic() < end, "Chromium did not open its port"
        time.sleep(0.05)
    port, path = port_file.read_text().split("\n")[:2]
    whole = websocket.create_connection(f"ws://127.0.0.1:{port}{path}", timeout=_PATIENCE, suppress_origin=True)
    try:
        whole.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
        while (message := json.loads(whole.recv())).get("id") != 1:
            pass
    finally:
        whole.close()
    target = next(t for t in message["result"]["targetInfos"] if t["type"] == "page")
    return Page(f"ws://127.0.0.1:{port}/devtools/page/{target['targetId']}")

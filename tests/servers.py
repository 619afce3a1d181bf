"""Tracking servers that fail in each way a server can, and a real one with a wire that can be cut."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Answer = Callable[[BaseHTTPRequestHandler, int], None]
"""Answers the request of that number, or does not."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def server(answer: Answer) -> Iterator[str]:
    """Run a server that answers every request by a function; yield its address."""
    over = threading.Event()
    asked = iter(range(1_000_000))

    class Handler(BaseHTTPRequestHandler):
        is_over = over

        def _any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with contextlib.suppress(OSError):
                answer(self, next(asked))

        do_GET = do_POST = do_PUT = do_PATCH = _any  # noqa: N815 - as http.server calls them

        def log_message(self, *_: object) -> None:
            pass

    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.daemon_threads = True
    threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{found.server_port}"
    finally:
        over.set()
        found.shutdown()
        found.server_close()


def say(handler: BaseHTTPRequestHandler, value: object, code: int = 200) -> None:
    body = json.dumps(value).encode()
    handler.send_response(code)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def fails(handler: BaseHTTPRequestHandler, number: int) -> None:
    say(handler, {"error_code": "INTERNAL_ERROR", "message": "broken"}, 500)


def hangs(handler: BaseHTTPRequestHandler, number: int) -> None:
    handler.is_over.wait(120)


def drips(handler: BaseHTTPRequestHandler, number: int) -> None:
    """Promise a long answer and send a byte of it now and then: no time-out of a single read ever passes."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not handler.is_over.wait(0.2):
        handler.wfile.write(b" ")
        handler.wfile.flush()


def dies_within_a_run(handler: BaseHTTPRequestHandler, number: int) -> None:
    """Answer until a run is begun, then hang up on everything."""
    info = {"run_id": "0" * 32, "experiment_id": "1", "start_time": 1, "status": "RUNNING", "artifact_uri": "x:/y"}
    answers = {
        "experiments/get-by-name": {"experiment": {"experiment_id": "1", "name": "churnml/churn"}},
        "runs/search": {},
        "runs/create": {"run": {"info": info, "data": {}}},
    }
    for path, value in answers.items():
        if path in handler.path:
            say(handler, value)
            return
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def real_server(folder: Path, *, keeper: tuple[str, str] | None = None) -> Iterator[str]:
    """Run ``mlflow server`` over a SQLite file of its own on a free port; yield its address once it answers.

    With a ``keeper`` (name and password) it asks everybody who they are, as docs/operations.md sets it up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder / 'server.db'}", "--artifacts-destination", str(folder / "files")),
    ]
    environment = dict(os.environ)
    if keeper is not None:
        command += ["--app-name", "basic-auth"]
        _write_users(folder / "auth.ini", *keeper)
        environment |= {"MLFLOW_FLASK_SERVER_SECRET_KEY": "0" * 64, "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_it_answers(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=60)


def _write_users(path: Path, name: str, password: str) -> None:
    path.write_text(
        "[mlflow]\ndefault_permission = NO_PERMISSIONS\n"
        f"database_uri = sqlite:///{path.with_name('users.db')}\n"
        f"admin_username = {name}\nadmin_password = {password}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n",
        "utf-8",
    )
    path.chmod(0o600)


def _wait_until_it_answers(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the server ended"
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.25)
    raise AssertionError("the server does not answer")


class Wire:
    """A wire to a server that is cut after so many connections."""

    def __init__(self, address: str, *, after: int) -> None:
        self._to = ("127.0.0.1", int(address.rpartition(":")[2]))
        self._left = after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _listen(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError):
            far = socket.create_connection(self._to)
            with far:
                threading.Thread(target=self._back, args=(far, near), daemon=True).start()
                while piece := near.recv(1 << 16):
                    # A client keeps its connection: each request begins with its method.
                    if piece.split(b" ", 1)[0] in {b"GET", b"POST", b"PUT", b"PATCH", b"DELETE"}:
                        self._left -= 1
                    if self._left < 0:
                        return
                    far.sendall(piece)

    @staticmethod
    def _back(far: socket.socket, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := far.recv(1 << 16):
                near.sendall(piece)
            near.shutdown(socket.SHUT_RDWR)

"""Somebody who is told: an HTTP hook and a mail server that remember what they got."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def hook() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A port, and the requests that came there: path, authorization and JSON body."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append({"path": self.path, "authorization": self.headers["Authorization"], **body})
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # the name it is called by
            """Keep quiet."""

    with _served(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield port, got


@contextmanager
def mailbox() -> Iterator[tuple[int, list[str]]]:
    """A port, and the mails that came there."""
    got: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                command = line.split()[0].upper()
                if command == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    mail = b""
                    while (text := self.rfile.readline()) != b".\r\n":
                        mail += text
                    got.append(mail.decode())
                self.wfile.write(b"221 bye\r\n" if command == b"QUIT" else b"250 fine\r\n")
                if command == b"QUIT":
                    return

    with _served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield port, got


@contextmanager
def _served(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

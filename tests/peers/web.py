"""A web server on the loopback address that shows files out of memory, and notes what is asked."""

import socketserver
import threading
from urllib.parse import unquote


class Web:
    """`files` are by name without the first slash; `faults`, by the same names, come before them."""

    def __init__(self):
        self.files, self.faults, self.asked = {}, {}, []
        web = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self):
                while line := self.rfile.readline():
                    name = line.split(b" ")[1].decode().lstrip("/")
                    while self.rfile.readline().strip():
                        pass
                    web.asked.append(name)
                    if not web.answer(name, self.wfile):
                        return

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_):
                """A client that goes away is none of our business."""

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, name, out):
        """Answers a request; says whether the connection goes on."""
        body = self.files.get(name, self.files.get(unquote(name)))
        fault = self.faults.get(name)
        cut = None
        match fault:
            case None:
                pass
            case bytes():
                body = fault
            case int():
                out.write(f"HTTP/1.1 {fault} Fault\r\nContent-Length: 0\r\n\r\n".encode())
                return True
            case "cut":
                cut = len(body or b"") // 2
        if body is None:
            out.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return True
        out.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:cut])
        return cut is None

"""What stands between cpush and a server, and fails as it is told: bytes for IMAP and SMTP, requests for DAV."""
import contextlib
import http.client
import http.server
import socket
import threading
import urllib.parse


class Wire:
    """A TCP proxy on a port of its own. mode: "pass", "hang" (takes everything, hands on nothing) or "refuse" (closes at once)."""
    def __init__(self, port):
        self.target, self.mode, self.open = port, "pass", set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.changed = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    def set(self, mode):
        with self.changed:
            self.mode = mode
            self.changed.notify_all()

    def cut(self):
        """Ends all connections that there are."""
        for s in list(self.open):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.set("refuse")
        self.listener.close()
        self.cut()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                if self.mode == "refuse":
                    client.close()
                    continue
                with contextlib.suppress(OSError):
                    server = socket.create_connection(("127.0.0.1", self.target))
                    for pair in ((client, server), (server, client)):
                        threading.Thread(target=self._pump, args=pair, daemon=True).start()
                    continue
                client.close()

    def _pump(self, source, sink):
        self.open.add(source)
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                with self.changed:
                    self.changed.wait_for(lambda: self.mode != "hang")
                sink.sendall(data)
        self.open.discard(source)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


class Web:
    """An HTTP proxy in front of one server. `fault(method, path)` says what becomes of a request: None (it passes), a status, "hang"
    (no answer before fault is changed), "lose" (the server does it, and the answer is lost) or "half" (the answer ends in its middle)."""
    def __init__(self, url):
        self.target, self.seen, self.fault = urllib.parse.urlsplit(url), [], None
        self.released = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def __getattr__(self, name):
                if name.startswith("do_"):
                    return lambda: outer.handle(self)
                raise AttributeError(name)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @contextlib.contextmanager
    def failing(self, fault):
        """fault: as above; or what all requests shall get."""
        self.fault = fault if callable(fault) else lambda method, path: fault
        self.released.clear()
        try:
            yield
        finally:
            self.fault = None
            self.released.set()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def handle(self, h):
        body = h.rfile.read(int(h.headers.get("Content-Length", 0)))
        self.seen.append((h.command, h.path))
        fault = self.fault(h.command, h.path) if self.fault else None
        if fault == "hang":
            self.released.wait(60)
            h.close_connection = True
        elif isinstance(fault, int):
            self.say(h, fault, [("WWW-Authenticate", 'Basic realm="x"')] if fault == 401 else [], b"as told to")
        else:
            status, headers, data = self.ask(h, body)
            if fault == "lose":
                h.close_connection = True
            else:
                self.say(h, status, headers, data, len(data) // 2 if fault == "half" else None)

    def ask(self, h, body):
        c = http.client.HTTPConnection(self.target.hostname, self.target.port, timeout=60)
        headers = {k: v for k, v in h.headers.items() if k.lower() not in ("connection", "accept-encoding")}
        c.request(h.command, h.path, body=body, headers=headers)
        r = c.getresponse()
        out = r.status, r.getheaders(), r.read()
        c.close()
        return out

    @staticmethod
    def say(h, status, headers, data, cut=None):
        h.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                h.send_header(name, value)
        h.send_header("Content-Length", str(len(data)))
        h.end_headers()
        if h.command != "HEAD":
            h.wfile.write(data if cut is None else data[:cut])
        if cut is not None:
            h.close_connection = True

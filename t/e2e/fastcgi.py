"""As much of FastCGI 1.0 as a test needs that is nginx itself, or worse."""
import base64
import socket
import struct

BEGIN, END, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7


def record(kind, data=b"", id=1):
    return struct.pack(">BBHHBx", 1, kind, id, len(data), 0) + data


def stream(kind, data):
    return b"".join(record(kind, data[i:i + 65535]) for i in range(0, len(data), 65535)) + record(kind)


def pair(name, value):
    return b"".join(struct.pack(">I", len(s) | 1 << 31) for s in (name, value)) + name + value


def params(phone, command, length, **parameters):
    login = base64.b64encode(f"{phone.user}:{phone.password}".encode()).decode()
    fields = {"REQUEST_METHOD": "POST" if command else "OPTIONS", "QUERY_STRING": phone.query(command, **parameters) if command else "",
              "CONTENT_TYPE": "application/vnd.ms-sync.wbxml", "CONTENT_LENGTH": str(length), "REMOTE_ADDR": "192.0.2.1",
              "HTTP_AUTHORIZATION": f"Basic {login}", "HTTP_USER_AGENT": phone.agent, "HTTP_MS_ASPROTOCOLVERSION": phone.version}
    return b"".join(pair(k.encode(), v.encode()) for k, v in fields.items())


class Connection:
    """One request on a connection of its own to the socket that cpush listens on."""
    def __init__(self, path, timeout=60):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))

    def send(self, data):
        self.socket.sendall(data)

    def begin(self, phone, command, body=b"", length=None):
        """The request; `length` more than the body has: it is stalled."""
        whole = length is None
        self.send(record(BEGIN, struct.pack(">HB5x", 1, 0)) + stream(PARAMS, params(phone, command, len(body) if whole else length)))
        self.send(stream(STDIN, body) if whole else record(STDIN, body))

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise EOFError("the answer ends early")
            data += more
        return data

    def receive(self):
        """(status, body)"""
        out = b""
        while True:
            _, kind, _, length, padding = struct.unpack(">BBHHBx", self._exactly(8))
            data = self._exactly(length + padding)[:length]
            if kind == STDOUT:
                out += data
            elif kind == END:
                head, _, body = out.partition(b"\r\n\r\n")
                return int(head.split()[1]), body

    def close(self):
        self.socket.close()

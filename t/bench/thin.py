"""A phone that does not look at what it gets, so that what is timed is the server; and the bare yardsticks."""
import base64
import http.client
import re
import socket
import time
import urllib.parse

import stack        # noqa: F401 (finds t/e2e)
import wbxml
from phone import Phone

KEY = re.compile(rb"\x4b\x03([^\0]+)\0")            # SyncKey
MORE = re.compile(rb"\x4e\x031\0\x01\x14")             # Status 1, MoreAvailable
STATUS = re.compile(rb"\x4e\x03([^\0]+)\0")


class Thin(Phone):
    """Syncs one folder; keeps its key and nothing else."""

    def options_of(self, folder, **more):
        if folder.cls != "Email":
            return super().options_of(folder, **more)
        return ("AirSync:Options", [("AirSync:FilterType", "0"), ("AirSync:MIMESupport", "2"),
                                    ("AirSyncBase:BodyPreference", [("AirSyncBase:Type", "4")])])

    def take(self, folder, answer):
        """True where more is left."""
        if answer.status != 200:
            raise SystemExit(f"HTTP {answer.status}")
        if not answer.body:
            return False
        head = answer.body[:400]
        status = STATUS.search(head)
        if not status or status[1] != b"1":
            raise SystemExit("Sync failed: " + wbxml.to_xml(answer.tree))
        folder.key = KEY.search(head)[1].decode()
        return MORE.search(head) is not None

    def once(self, folder, commands=(), **more):
        """One Sync; (more is left, bytes of the answer)."""
        for _ in range(30):
            answer = self.post("Sync", self.sync_tree(self.collection(folder, commands, **more)), timeout=300)
            status = STATUS.search(answer.body[:400])
            if not status or status[1] != b"16":
                break
            time.sleep(2)       # a backend did not answer in time: again, as phones do
        return self.take(folder, answer), len(answer.body)

    def all(self, folder, **more):
        """From key 0 to the end: requests, bytes."""
        folder.key = "0"
        self.once(folder)
        left, requests, total = True, 1, 0
        while left:
            left, n = self.once(folder, **more)
            requests, total = requests + 1, total + n
        return requests, total


class Imap:
    """As bare as it gets: commands on a socket, answers thrown away."""

    def __init__(self, port, user):
        self.s, self.tag, self.n = socket.create_connection(("127.0.0.1", port)), 0, 0
        self.s.recv(1000)
        self.run(f"LOGIN {user} secret")

    def run(self, command):
        self.tag += 1
        mark = b"\r\nT%d " % self.tag
        self.s.sendall(b"T%d %s\r\n" % (self.tag, command.encode()))
        end = b"\r\n"
        while True:
            part = self.s.recv(1 << 20)
            if not part:
                raise SystemExit("IMAP ended")
            self.n += len(part)
            end = (end + part)[-2000:]
            at = end.rfind(mark)
            if at >= 0 and end.endswith(b"\r\n"):
                return end[at:]

    def close(self):
        self.s.close()


def bare_fetch(port, user, n, window):
    """Seconds and bytes of fetching n mails whole, so many at a time, with a login."""
    began = time.monotonic()
    c = Imap(port, user)
    c.run("SELECT INBOX")
    for first in range(1, n + 1, window):
        c.run(f"UID FETCH {first}:{min(first + window - 1, n)} (UID FLAGS INTERNALDATE BODY.PEEK[])")
    c.close()
    return time.monotonic() - began, c.n


def bare_multiget(dav, user, kind, names, window):
    """Seconds and bytes of asking for items by name, so many at a time, on one connection."""
    space, report, data = (("caldav", "calendar-multiget", "calendar-data") if kind == "calendar" else
                           ("carddav", "addressbook-multiget", "address-data"))
    place = f"/{user}/{kind}/"
    url = urllib.parse.urlsplit(dav.url)
    login = base64.b64encode(f"{user}:secret".encode()).decode()
    c, total, began = http.client.HTTPConnection(url.hostname, url.port, timeout=300), 0, time.monotonic()
    for first in range(0, len(names), window):
        hrefs = "".join(f"<D:href>{place}{n}</D:href>" for n in names[first:first + window])
        body = (f'<C:{report} xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:{space}"><D:prop><D:getetag/><C:{data}/></D:prop>'
                f"{hrefs}</C:{report}>")
        c.request("REPORT", place, body, {"Authorization": f"Basic {login}", "Content-Type": "application/xml", "Depth": "1"})
        r = c.getresponse()
        total += len(r.read())
        if r.status != 207:
            raise SystemExit(f"REPORT: {r.status}")
    c.close()
    return time.monotonic() - began, total


def bare_idle(port, user):
    """A connection that waits; read from its socket what the server says of its own accord."""
    c = Imap(port, user)
    c.run("SELECT INBOX")
    c.s.sendall(b"X IDLE\r\n")
    while b"+ " not in c.s.recv(1000):
        pass
    return c

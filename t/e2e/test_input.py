"""Bad input: clear answers, no crash (the bench sees the sanitizer's reports when it stops)."""
import random
import unittest

import wbxml
from case import Case
from wbxml import text

FOLDER_SYNC = ("FolderHierarchy:FolderSync", [("FolderHierarchy:SyncKey", "0")])


class Input(Case):
    backends = ("imap",)

    def raw(self, p, method="POST", target=None, body=b"", **headers):
        connection = p.connect()
        connection.request(method, target or "/Microsoft-Server-ActiveSync?" + p.query("FolderSync"), body=body,
                           headers=p.headers() | {"Content-Type": "application/vnd.ms-sync.wbxml"} | headers)
        return p.receive(connection)

    def alive(self, p):
        self.assertEqual(p.options().status, 200)

    def test_wrong_methods(self):
        p = self.phone(folders=False)
        for method in ("GET", "PUT", "DELETE", "PROPFIND"):
            self.assertEqual(self.raw(p, method).status, 501, method)

    def test_missing_and_unknown(self):
        p = self.phone(folders=False)
        path = "/Microsoft-Server-ActiveSync"
        for query, status in (("", 400), ("?", 400), ("?User=x&DeviceId=X&DeviceType=Y", 400), ("?Cmd=NoSuch&DeviceId=X&DeviceType=Y", 501),
                              ("?Cmd=FolderSync&DeviceId=X%00&DeviceType=Y", 400), ("?!!!", 400), ("?AAAA", 400)):
            with self.subTest(query):
                self.assertEqual(self.raw(p, target=path + query, body=wbxml.encode(FOLDER_SYNC)).status, status)
        for query, status in (("?Cmd=FolderSync", "108"), ("?Cmd=FolderSync&DeviceId=X%01&DeviceType=Y", "108"),
                              ("?Cmd=FolderSync&DeviceId=" + "x" * 300 + "&DeviceType=Y", "108"),
                              ("?Cmd=FolderSync&DeviceId=X", "109")):
            with self.subTest(query):
                answer = self.raw(p, target=path + query, body=wbxml.encode(FOLDER_SYNC))
                self.assertEqual(text(answer.tree, "FolderHierarchy:Status"), status)
        p.version = "2.5"
        self.assertEqual(self.raw(p, body=wbxml.encode(FOLDER_SYNC)).status, 400)

    def test_no_credentials(self):
        p = self.phone(folders=False)
        for value in ("", "Basic", "Basic !!!", "Basic " + "QQ" * 3000, "Bearer x"):
            self.assertEqual(self.raw(p, Authorization=value).status, 401, value[:20])

    def test_garbage_bodies(self):
        p = self.phone()
        good = wbxml.encode(p.sync_tree(p.collection(p.folder(type=2), key="0")))
        rng = random.Random(1)
        bodies = [b"", b"\x00", good[:5], b"\x03\x01\x6a\x00" + b"\x45" * 5000, b"\x03\x01\x6a\x00\x45\xc3\xff\xff\xff\x7f",
                  b"\x03\x01\x6a\x00" + b"\x00\x07\x56" + b"\x03" + b"a" * 100000, b"\xff" * 2000]
        bodies += [good[:n] for n in range(len(good))]
        for _ in range(150):
            b = bytearray(good)
            for _ in range(3):
                b[rng.randrange(len(b))] = rng.randrange(256)
            bodies.append(bytes(b))
        for body in bodies:
            for command in ("Sync", "FolderSync", "Ping", "ItemOperations", "Settings"):
                if command == "Ping" and body != good:
                    continue
                answer = p.receive(p.send(command, body))
                self.assertIn(answer.status, (200, 400, 501), (command, body[:40]))
        self.alive(p)

    def test_wrong_types(self):
        p = self.phone()
        inbox = p.folder(type=2)
        p.sync(inbox)
        for data in ([("Email:Read", "x")], [("Email:Flag", "text")], [("Email:Flag", [("Email:Status", "99999999999999999999")])],
                     [("AirSyncBase:Body", "text")], [("Calendar:Recurrence", [("Calendar:Type", "-5")])], None, "text"):
            for id in ("1:1", "x", "", "99999999999999999999:1", f"{inbox.id}:999999"):
                tree = p.sync_tree(p.collection(inbox, [("AirSync:Change", [("AirSync:ServerId", id), ("AirSync:ApplicationData", data)])]))
                self.assertEqual(p.post("Sync", tree).status, 200)
        self.alive(p)

    def test_oversize(self):
        p = self.phone()
        self.assertIn(self.raw(p, body=b"x" * (65 << 20)).status, (413,))
        self.alive(p)


if __name__ == "__main__":
    unittest.main()

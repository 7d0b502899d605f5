"""What the tests share: benches that stay up for a whole run, a fresh user for each test, and a look at the log afterwards."""
import atexit
import imaplib
import itertools
import json
import os
import unittest

import wbxml
from bench import Bench, wait_for
from phone import Phone
from wbxml import children, find, text

VERSIONS = ("12.1", "14.1", "16.1")
STORES = ("sqlite", "mariadb")
SERVERS = ("imap", "caldav", "carddav")
_benches, _users = {}, itertools.count(1)


def bench(store="sqlite", backends=SERVERS, **more):
    key = (store, tuple(backends), repr(sorted(more.items())))
    if key not in _benches:
        try:
            _benches[key] = Bench(store, backends, **more).start()
        except Exception as error:      # once: the others of this bench need not try
            _benches[key] = error
    if isinstance(_benches[key], Exception):
        raise _benches[key]
    return _benches[key]


@atexit.register
def _stop_all():
    failed = []
    for b in _benches.values():
        if isinstance(b, Exception):
            continue
        try:
            b.stop()
        except AssertionError as error:
            failed.append(str(error))
    if failed:
        print("\n".join(failed), flush=True)
        os._exit(1)


class Case(unittest.TestCase):
    """A test class names its store and backends; both() below makes one class per store."""
    store, backends, more = "sqlite", SERVERS, {}

    def setUp(self):
        self.bench = self.find_bench()
        self.user = self.new_user()
        self.addCleanup(self.check_log)
        self.phones = itertools.count(1)

    def new_user(self):
        user = f"u{next(_users)}"
        for part in self.bench.parts.values():
            part.add_user(user)
        return user

    def find_bench(self):
        return bench(self.store, self.backends, **self.more)

    def check_log(self):
        self.assertEqual(self.bench.unexpected(), [])

    def phone(self, version="14.1", folders=True, **more):
        p = Phone(self.bench.port, user=self.user, version=version, device=f"{self.user.upper()}PHONE{next(self.phones)}", **more)
        if folders:
            self.assertEqual(p.folder_sync(), "1")
        return p

    def statuses(self, p, *collections):
        """One Sync of these; {CollectionId: Status}. What comes is taken."""
        answer = p.post("Sync", p.sync_tree(*collections))
        self.assertEqual(answer.status, 200)
        if not answer.body:
            return {}
        p.take_sync(answer)
        return {text(c, "AirSync:CollectionId"): text(c, "AirSync:Status") for c in children(find(answer.tree, "AirSync:Collections"))}

    def sync_when_back(self, p, folder, commands=()):
        """The same Sync until it is no longer told to try again. Returns its collection, or None for an empty answer."""
        key = folder.key

        def tried():
            answer = p.post("Sync", p.sync_tree(p.collection(folder, commands, key=key)))
            self.assertEqual(answer.status, 200)
            if not answer.body:
                return [None]
            c, = children(find(answer.tree, "AirSync:Collections"))
            self.assertIn(text(c, "AirSync:Status"), ("1", "16"), wbxml.to_xml(c))
            if text(c, "AirSync:Status") == "16":
                return None
            p.take_sync(answer)
            return [c]
        return wait_for(tried, every=0.1)[0]

    @property
    def imap(self):
        return self.bench.parts["imap"]

    def deliver(self, subject="Hello", body="Text\r\n", folder="INBOX", headers="", flags=None, number=None):
        message = (f"From: Somebody <somebody@example.org>\r\nTo: {self.user}@example.org\r\nSubject: {subject}\r\n"
                   f"Date: Mon, 05 Jan 2026 10:00:00 +0000\r\nMessage-ID: <{subject.replace(' ', '.')}.{self.user}@example.org>\r\n"
                   f"{headers}\r\n{body}")
        self.imap.deliver(message, self.user, folder, flags)

    def mailbox(self, folder="INBOX"):
        """An IMAP client with the folder selected."""
        c = self.imap.client(self.user)
        self.addCleanup(c.logout)
        self.assertEqual(c.select(f'"{folder}"')[0], "OK")
        return c

    def subjects(self, folder="INBOX"):
        c = self.imap.client(self.user)
        try:
            if c.select(f'"{folder}"', readonly=True)[0] != "OK":
                return None
            numbers = c.search(None, "ALL")[1][0].split()
            out = []
            for n in numbers:
                head = c.fetch(n, "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][0][1].decode()
                out.append(head.split(":", 1)[1].strip())
            return sorted(out)
        finally:
            c.logout()


def both(cls):
    """The same tests on MariaDB: add the class that this returns to the module."""
    return type(cls.__name__ + "MariaDB", (cls,), {"store": "mariadb"})

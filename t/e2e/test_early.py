"""Answers that begin before they are complete, for phones that give up without a byte."""
import select
import unittest

import wbxml
from case import Case, both
from phone import Answer
from wbxml import text


class Early(Case):
    backends, more = ("imap",), {"behind": True, "server": "early_start = 1"}

    def ready(self, **more):
        p = self.phone("16.1", **(more or {"type": "Android", "agent": "Android-Mail/2026.11.01"}))
        inbox = p.folder(type=2)
        p.sync(inbox)
        self.addCleanup(self.imap.wire.set, "pass")
        return p, inbox

    @staticmethod
    def start(p, inbox):
        return p.send("Sync", wbxml.encode(p.sync_tree(p.collection(inbox))))

    def begun(self, connection):
        """The answer's head has come, and the document's header with a token that changes nothing."""
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        self.assertIsNone(response.headers["Content-Length"])
        self.assertEqual(response.headers["Content-Type"], "application/vnd.ms-sync.wbxml")
        self.assertEqual(response.read(6), b"\3\1\x6a\0\0\0")
        return response

    @staticmethod
    def rest(response):
        return Answer(response.status, response.headers, b"\3\1\x6a\0" + response.read())

    def test_the_rest_follows(self):
        p, inbox = self.ready()
        self.deliver("Slow")
        self.imap.wire.set("hang")
        response = self.begun(self.start(p, inbox))
        self.imap.wire.set("pass")
        p.take_sync(self.rest(response))
        self.assertEqual([text(d, "Email:Subject") for d in inbox.items.values()], ["Slow"])
        self.assertEqual(p.sync(inbox), None)

    def test_nothing_new_is_said(self):
        p, inbox = self.ready()
        key = inbox.key
        self.imap.wire.set("hang")
        response = self.begun(self.start(p, inbox))
        self.imap.wire.set("pass")
        collection = p.take_sync(self.rest(response))
        self.assertEqual((text(collection, "AirSync:Status"), text(collection, "AirSync:SyncKey")), ("1", key))

    def test_a_failure_is_said(self):
        p, inbox = self.ready()
        key = inbox.key
        self.deliver("Late")
        self.imap.wire.set("hang")
        response = self.begun(self.start(p, inbox))
        self.imap.wire.set("refuse")
        self.imap.wire.cut()
        collection = p.take_sync(self.rest(response))
        self.assertEqual((text(collection, "AirSync:Status"), text(collection, "AirSync:SyncKey")), ("16", key))
        self.imap.wire.set("pass")
        self.sync_when_back(p, inbox)
        self.assertEqual([text(d, "Email:Subject") for d in inbox.items.values()], ["Late"])

    def test_a_phone_that_hangs_up_loses_nothing(self):
        """What was done is committed; the repeat finds it."""
        p, inbox = self.ready()
        self.deliver("Kept")
        p.sync(inbox)
        id, = inbox.items
        read = p.change(id, [("Email:Read", "1")])
        key = inbox.key
        self.imap.wire.set("hang")
        connection = p.send("Sync", wbxml.encode(p.sync_tree(p.collection(inbox, [read]))))
        self.begun(connection)
        connection.close()
        self.imap.wire.set("pass")
        p.take_sync(p.post("Sync", p.sync_tree(p.collection(inbox, [read], key=key))))
        self.assertEqual(self.mailbox().search(None, "SEEN")[1], [b"1"])

    def test_others_get_it_whole(self):
        patient, its = self.ready(type="iPhone", agent="Apple-iPhone9C1/2306.81")
        p, inbox = self.ready()
        self.imap.wire.set("hang")
        first = self.start(patient, its)
        response = self.begun(self.start(p, inbox))
        self.assertEqual(select.select([first.sock], [], [], 0)[0], [])
        self.imap.wire.set("pass")
        self.rest(response)
        self.assertIsNotNone(first.getresponse().headers["Content-Length"])


EarlyMariaDB = both(Early)

if __name__ == "__main__":
    unittest.main()

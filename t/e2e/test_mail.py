"""Mail, both ways: what the phone gets and what IMAP then holds."""
import imaplib
import unittest

import wbxml
from case import VERSIONS, Case, both
from wbxml import children, find, text

READ = lambda v: [("Email:Read", v)]


class Mail(Case):
    backends = ("imap",)

    def inbox(self, version="14.1"):
        p = self.phone(version)
        return p, p.folder(type=2)

    def one(self, version="14.1"):
        """A phone that has one mail: phone, folder, its id."""
        self.deliver("One")
        p, inbox = self.inbox(version)
        p.sync(inbox)
        self.assertEqual(len(inbox.items), 1)
        return p, inbox, next(iter(inbox.items))

    def test_first_sync_in_pages(self):
        c = self.imap.client(self.user)
        for n in range(57):
            c.append("INBOX", None, None, f"From: a@example.org\r\nSubject: Mail {n}\r\n\r\nText {n}\r\n".encode())
        c.logout()
        for version in VERSIONS:
            with self.subTest(version):
                p, inbox = self.inbox(version)
                p.sync_once(inbox)
                pages = 0
                while not pages or inbox.more:
                    before = len(inbox.items)
                    p.sync_once(inbox, window=10)
                    self.assertLessEqual(len(inbox.items) - before, 10)
                    pages += 1
                self.assertEqual(pages, 6)
                subjects = {text(d, "Email:Subject") for d in inbox.items.values()}
                self.assertEqual(subjects, {f"Mail {n}" for n in range(57)})
                self.assertIsNone(p.sync_once(inbox), "nothing new is the empty answer")

    def test_fields(self):
        self.deliver("Fields", body="Line one\r\nLine two\r\n", headers="Cc: other@example.org\r\nImportance: high\r\n")
        for version in VERSIONS:
            with self.subTest(version):
                p, inbox = self.inbox(version)
                p.sync(inbox)
                data = next(iter(inbox.items.values()))
                self.assertEqual(text(data, "Email:Subject"), "Fields")
                self.assertIn("somebody@example.org", text(data, "Email:From"))
                self.assertIn("other@example.org", text(data, "Email:Cc"))
                self.assertEqual(text(data, "Email:Read"), "0")
                self.assertEqual(text(data, "Email:Importance"), "2")
                self.assertEqual(text(data, "AirSyncBase:Body", "AirSyncBase:Type"), "1")
                self.assertIn("Line two", text(data, "AirSyncBase:Body", "AirSyncBase:Data"))

    def test_truncated_body_is_fetched(self):
        self.deliver("Long", body="ä" * 3000 + "\r\n", headers="Content-Type: text/plain; charset=utf-8\r\n"
                     "Content-Transfer-Encoding: 8bit\r\nMIME-Version: 1.0\r\n")
        p, inbox = self.inbox()
        p.sync(inbox, options=p.options_of(inbox, body=1, truncation=1001))
        id, data = next(iter(inbox.items.items()))
        body = find(data, "AirSyncBase:Body")
        self.assertEqual(text(body, "AirSyncBase:Truncated"), "1")
        self.assertEqual(text(body, "AirSyncBase:Data"), "ä" * 500)
        tree = p.post("ItemOperations", ("ItemOperations:ItemOperations", [("ItemOperations:Fetch", [
            ("ItemOperations:Store", "Mailbox"), ("AirSync:CollectionId", inbox.id), ("AirSync:ServerId", id),
            ("ItemOperations:Options", [("AirSyncBase:BodyPreference", [("AirSyncBase:Type", "1")])])])])).tree
        fetched = find(tree, "ItemOperations:Response", "ItemOperations:Fetch", "ItemOperations:Properties", "AirSyncBase:Body")
        self.assertEqual(text(fetched, "AirSyncBase:Data").strip(), "ä" * 3000)

    def test_arrives_is_read_and_flagged(self):
        for version in VERSIONS:
            with self.subTest(version):
                self.deliver(f"Read {version}")
                p, inbox = self.inbox(version)
                p.sync(inbox)
                id = next(i for i, d in inbox.items.items() if text(d, "Email:Subject") == f"Read {version}")
                p.sync(inbox, [p.change(id, READ("1"))])
                c = self.mailbox()
                number = c.search(None, "SUBJECT", f'"Read {version}"')[1][0]
                self.assertIn(b"\\Seen", c.fetch(number, "(FLAGS)")[1][0])
                c.store(number, "+FLAGS", "\\Flagged")
                p.sync(inbox)
                self.assertEqual(text(inbox.items[id], "Email:Flag", "Email:Status"), "2")
                p.sync(inbox, [p.change(id, [("Email:Flag", None)])])
                c.noop()
                self.assertNotIn(b"\\Flagged", c.fetch(number, "(FLAGS)")[1][0])

    def test_own_change_does_not_come_back(self):
        p, inbox, id = self.one()
        answer = p.sync(inbox, [p.change(id, READ("1"))])
        self.assertIsNone(find(answer, "AirSync:Commands"))
        self.assertIsNone(find(answer, "AirSync:Responses"))
        self.assertIsNone(p.sync_once(inbox))

    def test_deleted_on_the_phone_goes_to_trash(self):
        p, inbox, id = self.one()
        p.sync(inbox, [p.delete(id)])
        self.assertEqual((self.subjects(), self.subjects("Trash")), ([], ["One"]))
        trash = p.folder(type=4)
        p.sync(trash)
        p.sync(trash, [p.delete(next(iter(trash.items)))])
        self.assertEqual(self.subjects("Trash"), [])

    def test_deleted_for_good_where_the_phone_says_so(self):
        p, inbox, id = self.one()
        p.sync(inbox, [p.delete(id)], moves=False)
        self.assertEqual((self.subjects(), self.subjects("Trash")), ([], []))

    def test_deleted_again_where_an_earlier_try_has_only_marked_it(self):
        """As a connection leaves it that is cut between STORE and EXPUNGE."""
        p, inbox, id = self.one()
        self.mailbox().store("1", "+FLAGS", "\\Deleted")
        answer = p.post("Sync", p.sync_tree(p.collection(inbox, [p.delete(id)], moves=False)))
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.subjects(), [])

    def test_a_late_delete_spares_what_was_taken_back(self):
        """A mark that another client sets and takes off makes another item of the mail; the phone deletes the one that it knew."""
        p, inbox, id = self.one()
        other = self.phone()
        seen = other.folder(type=2)
        other.sync(seen)
        for change, left in (("+FLAGS", 0), ("-FLAGS", 1)):
            self.mailbox().store("1", change, "\\Deleted")
            other.sync(seen)
            self.assertEqual(len(seen.items), left)
        subjects = self.subjects()
        self.assertEqual(p.post("Sync", p.sync_tree(p.collection(inbox, [p.delete(id)], moves=False))).status, 200)
        self.assertEqual(self.subjects(), subjects)
        self.assertEqual(len(subjects), 1)

    def test_deleted_in_imap_goes_from_the_phone(self):
        p, inbox, id = self.one()
        c = self.mailbox()
        c.store("1", "+FLAGS", "\\Deleted")
        c.expunge()
        p.sync(inbox)
        self.assertEqual(inbox.items, {})

    def test_moved_on_the_phone(self):
        p, inbox, id = self.one()
        archive = p.folder(name="Archive")
        p.sync(archive)
        move = ("Move:MoveItems", [("Move:Move", [("Move:SrcMsgId", id), ("Move:SrcFldId", inbox.id), ("Move:DstFldId", archive.id)])])
        first = find(p.post("MoveItems", move).tree, "Move:Response")
        self.assertEqual(text(first, "Move:Status"), "3")
        self.assertEqual((self.subjects(), self.subjects("Archive")), ([], ["One"]))
        again = find(p.post("MoveItems", move).tree, "Move:Response")
        self.assertEqual((text(again, "Move:Status"), text(again, "Move:DstMsgId")), ("3", text(first, "Move:DstMsgId")))
        archive.items[text(first, "Move:DstMsgId")] = inbox.items.pop(id)
        self.assertIsNone(p.sync_once(inbox))
        p.sync(archive)     # may tell the flags, for the server does not vouch for them; no Add, no Delete
        self.assertEqual(len(archive.items), 1)

    def test_moved_in_imap(self):
        p, inbox, id = self.one()
        archive = p.folder(name="Archive")
        p.sync(archive)
        self.mailbox()._simple_command("MOVE", "1", "Archive")
        p.sync(inbox)
        p.sync(archive)
        self.assertEqual((len(inbox.items), len(archive.items)), (0, 1))

    def test_filter_narrower_and_wider(self):
        c = self.imap.client(self.user)
        for name, when in (("new", None), ("old", '"01-Jan-2026 10:00:00 +0000"')):
            c.append("INBOX", None, when, f"From: a@example.org\r\nSubject: {name}\r\n\r\nText\r\n".encode())
        c.logout()
        p, inbox = self.inbox()
        subjects = lambda: sorted(text(d, "Email:Subject") for d in inbox.items.values())
        p.sync(inbox)
        self.assertEqual(subjects(), ["new", "old"])
        p.sync(inbox, options=p.options_of(inbox, filter=3))
        self.assertEqual(subjects(), ["new"])
        p.sync(inbox, options=p.options_of(inbox))
        self.assertEqual(subjects(), ["new", "old"])

    def test_two_phones(self):
        p, inbox, id = self.one()
        other = self.phone()
        theirs = other.folder(type=2)
        other.sync(theirs)
        self.assertEqual(list(theirs.items), list(inbox.items), "both know the mail by one id")
        p.sync(inbox, [p.change(id, READ("1"))])
        other.sync(theirs)
        self.assertEqual(text(theirs.items[id], "Email:Read"), "1")

    def test_lost_answer_is_repeated(self):
        p, inbox, id = self.one()
        self.deliver("Two")
        tree = p.sync_tree(p.collection(inbox, [p.change(id, READ("1"))]))
        lost = p.post("Sync", tree)
        again = p.post("Sync", tree)
        self.assertNotEqual(lost.body, b"")
        p.take_sync(again)
        p.sync(inbox)
        self.assertEqual(len(inbox.items), 2)

    def test_same_request_twice_at_once(self):
        p, inbox, id = self.one()
        self.deliver("Two")
        body = wbxml.encode(p.sync_tree(p.collection(inbox, [p.change(id, READ("1"))])))
        connections = [p.send("Sync", body) for _ in range(3)]
        answers = [p.receive(c) for c in connections]
        self.assertEqual({a.status for a in answers}, {200})
        p.take_sync(answers[1])
        p.sync(inbox)
        self.assertEqual(len(inbox.items), 2)

    def test_old_key_is_status_3(self):
        p, inbox, id = self.one()
        for _ in range(2):
            self.deliver("More")
            old, = [inbox.key]
            p.sync(inbox)
        stale = "0123456789abcdef-3"
        answer = p.post("Sync", p.sync_tree(p.collection(inbox, key=stale))).tree
        self.assertEqual(text(find(answer, "AirSync:Collections", "AirSync:Collection"), "AirSync:Status"), "3")

    def test_get_item_estimate(self):
        for version in ("12.1", "14.1"):
            with self.subTest(version):
                self.deliver("Counted")
                p, inbox = self.inbox(version)
                p.sync_once(inbox)
                if version == "12.1":
                    fields = [("GetItemEstimate:Class", "Email"), ("GetItemEstimate:CollectionId", inbox.id),
                              ("AirSync:FilterType", "0"), ("AirSync:SyncKey", inbox.key)]
                else:
                    fields = [("AirSync:SyncKey", inbox.key), ("GetItemEstimate:CollectionId", inbox.id),
                              ("AirSync:Options", [("AirSync:FilterType", "0")])]
                tree = p.post("GetItemEstimate", ("GetItemEstimate:GetItemEstimate", [("GetItemEstimate:Collections", [
                    ("GetItemEstimate:Collection", fields)])])).tree
                response = find(tree, "GetItemEstimate:Response")
                self.assertEqual(text(response, "GetItemEstimate:Status"), "1")
                self.assertEqual(text(response, "GetItemEstimate:Collection", "GetItemEstimate:Estimate"), str(len(self.subjects())))

    def test_empty_sync_uses_the_stored_request(self):
        p, inbox, id = self.one()
        p.sync_once(inbox)
        self.deliver("Two")
        p.take_sync(p.post("Sync"))
        self.assertEqual(len(inbox.items), 2)

    def test_troublesome_mails(self):
        c = self.imap.client(self.user)
        mails = [b"Subject: no date, no id\r\n\r\nText\r\n", b"\r\n", b"\x00\xff\xfe garbage\r\n\r\n\x80\x81",
                 b"Subject: broken\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; charset=none-such"
                 b"\r\n\r\nText", b"Subject: =?bad?q?x?=\r\nFrom: \"unclosed <a@b>\r\n\r\nText\r\n"]
        for m in mails:
            c.append("INBOX", None, None, m.replace(b"\x00", b""))
        c.logout()
        self.deliver("Good")
        p, inbox = self.inbox()
        p.sync(inbox)
        self.assertEqual(len(inbox.items), len(mails) + 1)


MailMariaDB = both(Mail)

if __name__ == "__main__":
    unittest.main()

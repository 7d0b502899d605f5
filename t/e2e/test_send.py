"""Mail that the phone sends: SendMail, SmartReply, SmartForward; each arrives once, with a copy in Sent."""
import email
import unittest

import wbxml
from case import VERSIONS, Case, both
from wbxml import find, text


class Send(Case):
    backends = ("imap",)

    def mime(self, subject, to="bob@example.org", body="Hello Bob\r\n", headers=""):
        return (f"From: {self.user}@example.org\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Thu, 05 Mar 2026 10:00:00 +0000\r\n"
                f"Message-ID: <{subject.replace(' ', '.')}.{self.user}@phone>\r\n{headers}\r\n{body}").encode()

    def send(self, p, command, mime, source=None, client=None, save=True):
        if p.version == "12.1":
            more = {"SaveInSent": "T"} if save else {}
            if source:
                more |= {"CollectionId": source[0].id, "ItemId": source[1]}
            return p.post_raw(command, mime, "message/rfc822", **more)
        tree = [("ComposeMail:ClientId", client or p.client_id())]
        if source:
            tree.append(("ComposeMail:Source", [("ComposeMail:FolderId", source[0].id), ("ComposeMail:ItemId", source[1])]))
        if save:
            tree.append(("ComposeMail:SaveInSentItems", None))
        return p.post(command, (f"ComposeMail:{command}", tree + [("ComposeMail:Mime", mime)]))

    def sent(self, subject):
        out = []
        for envelope, raw in self.imap.sent():
            message = email.message_from_bytes(raw)
            if message["Subject"] == subject and envelope["from"].strip("<>").startswith(f"{self.user}@"):
                out.append((envelope, message))
        return out

    def test_sent_once_with_a_copy(self):
        for version in VERSIONS:
            with self.subTest(version):
                p = self.phone(version)
                answer = self.send(p, "SendMail", self.mime(f"Sent {version}"))
                self.assertEqual((answer.status, answer.body), (200, b""))
                self.assertEqual(len(self.sent(f"Sent {version}")), 1)
                self.assertIn(f"Sent {version}", self.subjects("Sent"))

    def test_repeat_is_not_sent_again(self):
        for version in VERSIONS:
            with self.subTest(version):
                p = self.phone(version)
                mime = self.mime(f"Twice {version}")
                for client in ("c1", "c1", "c2"):
                    answer = self.send(p, "SendMail", mime, client=client)
                    self.assertEqual((answer.status, answer.body), (200, b""))
                self.assertEqual(len(self.sent(f"Twice {version}")), 1)
                self.assertEqual(self.subjects("Sent").count(f"Twice {version}"), 1)

    def test_bcc_is_delivered_and_not_told(self):
        p = self.phone()
        self.send(p, "SendMail", self.mime("Secret", headers="Bcc: carol@example.org\r\n"))
        (envelope, message), = self.sent("Secret")
        self.assertEqual(sorted(a.strip("<>") for a in envelope["to"]), ["bob@example.org", "carol@example.org"])
        self.assertIsNone(message["Bcc"])

    def test_refused_recipient(self):
        p = self.phone()
        (self.imap.sink / "mode").write_text("rcpt=550\n")
        try:
            answer = self.send(p, "SendMail", self.mime("Refused"))
        finally:
            (self.imap.sink / "mode").unlink()
        self.assertNotEqual(text(answer.tree, "ComposeMail:Status"), None)
        self.assertEqual(self.sent("Refused"), [])

    def test_domain_in_another_script_is_written_in_ascii(self):
        p = self.phone()
        answer = self.send(p, "SendMail", self.mime("Abroad", to="bob@exämple.org"))
        self.assertEqual((answer.status, answer.body), (200, b""))
        (envelope, _), = self.sent("Abroad")
        self.assertEqual([a.strip("<>") for a in envelope["to"]], ["bob@" + "exämple.org".encode("idna").decode()])

    def source(self, p):
        self.deliver("Original", headers='MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n',
                     body="--b\r\nContent-Type: text/plain\r\n\r\nOriginal text\r\n--b\r\nContent-Type: application/pdf; name=\"a.pdf\"\r\n"
                          "Content-Disposition: attachment; filename=\"a.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                          "UERGIGRhdGE=\r\n--b--\r\n")
        inbox = p.folder(type=2)
        p.sync(inbox)
        return inbox, next(i for i, d in inbox.items.items() if text(d, "Email:Subject") == "Original")

    def test_reply_quotes_and_marks_answered(self):
        for version in VERSIONS:
            with self.subTest(version):
                p = self.phone(version)
                answer = self.send(p, "SmartReply", self.mime(f"Re {version}"), source=self.source(p))
                self.assertEqual((answer.status, answer.body), (200, b""))
                (_, message), = self.sent(f"Re {version}")
                whole = message.as_string()
                self.assertIn("Hello Bob", whole)
                self.assertIn("Original text", whole)
                self.assertNotEqual(self.mailbox().search(None, "ANSWERED")[1][0], b"")

    def test_forward_carries_the_attachment(self):
        for version in VERSIONS:
            with self.subTest(version):
                p = self.phone(version)
                answer = self.send(p, "SmartForward", self.mime(f"Fwd {version}"), source=self.source(p))
                self.assertEqual((answer.status, answer.body), (200, b""))
                (_, message), = self.sent(f"Fwd {version}")
                files = [part.get_payload(decode=True) for part in message.walk() if part.get_filename() == "a.pdf"]
                self.assertEqual(files, [b"PDF data"])

    def test_repeat_of_a_reply_whose_source_is_gone(self):
        """Neither refused nor, as a mail of its own (what phones try then), sent again."""
        for version in VERSIONS:
            with self.subTest(version):
                p = self.phone(version)
                source, mime = self.source(p), self.mime(f"Gone {version}")
                self.assertEqual(self.send(p, "SmartReply", mime, source=source).status, 200)
                c = self.mailbox()
                c.store("1:*", "+FLAGS", "(\\Deleted)")
                c.expunge()
                p.sync(source[0])
                self.assertNotIn(source[1], source[0].items)
                for answer in (self.send(p, "SmartReply", mime, source=source),
                               self.send(p, "SendMail", mime + b"> Original text\r\n")):
                    self.assertEqual((answer.status, answer.body), (200, b""))
                self.assertEqual(len(self.sent(f"Gone {version}")), 1)

    def test_attachment_is_fetched(self):
        p = self.phone("14.1")
        inbox, id = self.source(p)
        attachment = find(inbox.items[id], "AirSyncBase:Attachments", "AirSyncBase:Attachment")
        reference = text(attachment, "AirSyncBase:FileReference")
        tree = p.post("ItemOperations", ("ItemOperations:ItemOperations", [("ItemOperations:Fetch", [
            ("ItemOperations:Store", "Mailbox"), ("AirSyncBase:FileReference", reference)])])).tree
        data = text(tree, "ItemOperations:Response", "ItemOperations:Fetch", "ItemOperations:Properties", "ItemOperations:Data")
        self.assertEqual(data, "UERGIGRhdGE=")
        other = self.phone("14.1", folders=False)
        other.user = "alice"
        self.assertEqual(other.folder_sync(), "1")
        tree = other.post("ItemOperations", ("ItemOperations:ItemOperations", [("ItemOperations:Fetch", [
            ("ItemOperations:Store", "Mailbox"), ("AirSyncBase:FileReference", reference)])])).tree
        fetched = find(tree, "ItemOperations:Response", "ItemOperations:Fetch")
        self.assertNotEqual(text(fetched, "ItemOperations:Status"), "1", "another user's attachment")


SendMariaDB = both(Send)

if __name__ == "__main__":
    unittest.main()

"""Other people: they change the same mailboxes, calendars and address books meanwhile, straight on the servers; and what the servers hold."""
import base64
import http.client
import imaplib
import pathlib
import time
import urllib.parse

import kinds

DAY = 86400
FOLDERS = ("INBOX", "Archive", "Trash", "Drafts", "Sent")


class People:
    def __init__(self, yard, user, rng, ledger, say):
        self.user, self.rng, self.ledger, self.say = user, rng, ledger, say
        self.imap = yard.parts["imap"].client(user)
        dav = yard.parts["caldav"]
        self.base = urllib.parse.urlsplit(dav.url)
        self.data = next(p for p in (pathlib.Path(dav.values["RADICALE_DATA"]) / n / user
                                     for n in ("collections/collection-root", "collection-root")) if p.is_dir())
        self.http, self.ages = None, {}

    def close(self):
        if self.http:
            self.http.close()
        self.imap.logout()

    # -- mail

    def deliver(self, folder="INBOX", age=None):
        """age: in days; else by chance."""
        token = self.ledger.token("mail")
        raw = kinds.MIME.format(user="ada", token=token, id=f"Message-ID: <{token}@people>\r\n", body=f"Text of {token}")
        flags = self.rng.choice([None, "\\Seen", "\\Flagged"])
        age = self.rng.choice(kinds.Mail.AGES) if age is None else age
        self.say(f"people: {token} comes to {folder}, {age} days old")
        self.imap.append(folder, flags, imaplib.Time2Internaldate(time.time() - age * DAY), raw.encode())
        self.ledger.made(token, str(int(flags == "\\Seen")))

    def uids(self, folder):
        self.imap.select(folder)
        return self.imap.uid("search", None, "ALL")[1][0].split()

    def subject(self, uid):
        told = self.imap.uid("fetch", uid, "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        head = next((part[1] for part in told if isinstance(part, tuple)), None)  # beside it, what nobody asked for
        return head.decode().split(":", 1)[1].strip() if head else None

    def touch_mail(self):
        folder = self.rng.choice(FOLDERS[:3] + FOLDERS[:1])
        uids = self.uids(folder)
        if not uids:
            return self.deliver(folder)
        uid, luck = self.rng.choice(uids), self.rng.random()
        if luck < 0.5:
            sign = self.rng.choice("+-")
            self.say(f"people: {self.subject(uid)} in {folder} {sign}Flagged")
            self.imap.uid("store", uid, sign + "FLAGS", "\\Flagged")
        elif luck < 0.75:
            to = self.rng.choice([f for f in FOLDERS[:3] if f != folder])
            self.say(f"people: {self.subject(uid)} goes from {folder} to {to}")
            self.imap.uid("move", uid, to)
        else:
            token = self.subject(uid)
            self.say(f"people: {token} is expunged from {folder}")
            if token:
                self.ledger.delete(token)
            self.imap.uid("store", uid, "+FLAGS", "\\Deleted")
            self.imap.expunge()

    def mails(self):
        """{folder: [content]}; the ages of all are noted."""
        out, now = {}, time.time()
        for folder in FOLDERS:
            kind = kinds.Draft if folder == "Drafts" else kinds.Mail
            out[folder] = []
            self.imap.select(folder, readonly=True)
            for part in self.imap.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")[1] if self.imap.search(None, "ALL")[1][0] else ():
                if isinstance(part, tuple) and b"\\Deleted" not in part[0]:      # a connection cut before its EXPUNGE
                    out[folder].append(kind.from_server(part[0].decode(), part[1]))
                    self.ages[out[folder][-1][0]] = (now - time.mktime(imaplib.Internaldate2tuple(part[0]))) // DAY
        return out

    # -- calendars, tasks, contacts

    def request(self, method, path, body=None, **headers):
        login = base64.b64encode(f"{self.user}:secret".encode()).decode()
        for _ in range(2):
            self.http = self.http or http.client.HTTPConnection(self.base.hostname, self.base.port, timeout=30)
            try:
                self.http.request(method, f"/{self.user}/{path}", body=body, headers={"Authorization": f"Basic {login}",
                                  **{k.replace("_", "-"): v for k, v in headers.items()}})
                r = self.http.getresponse()
                return r.status, r.headers, r.read()
            except (ConnectionError, http.client.HTTPException):
                self.http = None
        raise AssertionError("Radicale does not answer")

    def put_new(self, kind, theirs=None):
        token = self.ledger.token(kind.name)
        content = (token, kind.mine(self.rng), (theirs or kind.theirs)(self.rng))
        self.say(f"people: new {token}")
        status, _, _ = self.request("PUT", f"{kind.collection}/{token}.{kind.suffix}", kind.to_server(content), If_None_Match="*")
        assert status == 201, f"Radicale: {status}"
        self.ledger.made(token, content[1])

    def touch_dav(self):
        kind = self.rng.choice(kinds.DAV)
        names = sorted(p.name for p in (self.data / kind.collection).glob(f"*.{kind.suffix}"))
        luck = self.rng.random()
        if not names or luck < 0.3:
            return self.put_new(kind)
        path = f"{kind.collection}/{self.rng.choice(names)}"
        status, headers, native = self.request("GET", path)
        if status != 200:
            return None
        token, same = kind.from_server(native)[0], {"If_Match": headers["ETag"]}
        if luck < 0.8:
            value = kind.theirs(self.rng)
            status, _, _ = self.request("PUT", path, kind.edit(native, value), **same)
            self.say(f"people: {token} becomes {value}: {status}")
        else:
            self.ledger.delete(token)
            status, _, _ = self.request("DELETE", path, **same)
            self.say(f"people: {token} is deleted: {status}")
        return None

    def items(self, kind):
        return [kind.from_server(p.read_bytes()) for p in (self.data / kind.collection).glob(f"*.{kind.suffix}")]

    # -- all

    def age(self, kind, content):
        """Days that an item of all() is old."""
        return kind.age(content) if kind in kinds.DAV else self.ages[content[0]]

    def fill(self):
        for _ in range(self.rng.choice([0, 1, 4])):
            self.deliver(self.rng.choice(FOLDERS[:3]))
        for kind in kinds.DAV:
            for _ in range(self.rng.choice([0, 1, 3])):
                token = self.ledger.token(kind.name)
                content = (token, *kind.fresh(self.rng))
                (self.data / kind.collection / f"{token}.{kind.suffix}").write_bytes(kind.to_server(content))
                self.ledger.made(token, content[1])

    def act(self):
        self.rng.choice([self.deliver, self.touch_mail, self.touch_mail, self.touch_dav, self.touch_dav])()

    def all(self):
        """{folder: contents} as phones name the folders: by mailbox, or by the name of the kind."""
        return self.mails() | {kind.name: self.items(kind) for kind in kinds.DAV}

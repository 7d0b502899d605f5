"""A phone of the torture bench: what it holds, what it wants, and how it behaves on a bad line.

It is strict: an Add of what it has, a Change or Delete of what it has not, a status that nobody has reason to send is a Violation. After a
lost answer it asks again with the same key, mostly with the same commands; with the switch "repeat" also as phones do that draw new
ClientIds, drop a command, add one, or edit meanwhile.
"""
import http.client
import time
import zlib

import kinds
import reads
import waits
import wbxml
from ledger import Violation
from phone import Phone
from wbxml import children, find, text

MAIL, DRAFTS, TRASH = (2, 4, 5, 12), 3, 4
AGAIN = ("5", "16", "111")      # "try again", of a collection or of all


class Command:
    """One wish of the user for one item. `content` is what the phone will hold then; None for a Delete."""

    def __init__(self, verb, id, token, content=None):
        self.verb, self.id, self.token, self.content = verb, id, token, content

    def __str__(self):
        return f"{self.verb} {self.id} {self.content or self.token}"


class Device(Phone):
    def __init__(self, session, number, version):
        super().__init__(session.yard.port, user=session.user, version=version, device=f"{session.user.upper()}D{number}")
        self.session, self.number, self.rng = session, number, session.rng
        self.window = self.rng.choice([1, 2, 5, 100])
        self.moving = self.sending = None       # what has had no answer yet: it is repeated before anything else
        self.dropped = set()                    # deleted here: the server may tell of it still

    # -- folders

    def set_up(self):
        self.until(lambda: self.folder_sync_once() == "1")
        wanted = [f for f in self.folders.values() if f.type in MAIL and f.name != "Junk" or f.type in (7, 8, 9)
                  or f.name == "Archive" or f.type == DRAFTS and self.version >= "16"]
        self.synced = {f.id: f for f in wanted if not f.name.startswith("Entw")}
        for f in self.synced.values():
            f.group, f.tries = None, {}         # commands without an answer; values tried since the last one
            f.begun = 0                         # requests with key 0
            f.filter = self.rng.choice([0, *self.kind(f).filters])
            f.made, f.news = set(), 0           # tokens of what it tried to make there, or moved there; commands in the last answer
        self.until(lambda: self.sync_some(list(self.synced.values()), key="0") and all(f.key != "0" for f in self.synced.values()))

    def folder_sync_once(self):
        answer = self.exchange("FolderSync", wbxml.encode(("FolderHierarchy:FolderSync", [("FolderHierarchy:SyncKey", self.hierarchy_key)])))
        if answer is None:
            return None
        status = text(answer.tree, "FolderHierarchy:Status")
        if status == "1":
            self.hierarchy_key = text(answer.tree, "FolderHierarchy:SyncKey")
            for change in children(find(answer.tree, "FolderHierarchy:Changes")):
                self.take_folder(change)
            if not {2, 7, 8, 9} <= {f.type for f in self.folders.values()}:
                time.sleep(0.3)
                return self.may_be("111", "FolderSync, a backend was not there")
            return status
        return self.may_be(status, "FolderSync")

    @staticmethod
    def kind(folder):
        if folder.type == DRAFTS:
            return kinds.Draft
        return next((k for k in kinds.DAV if k.type == folder.type), kinds.Mail)

    @staticmethod
    def place(folder):
        """The folder as other people name it."""
        return {2: "INBOX", 3: "Drafts", 4: "Trash", 5: "Sent", 7: "task", 8: "event", 9: "contact"}.get(folder.type, folder.name)

    def holds(self, folder):
        kind = self.kind(folder)
        return {id: kind.from_phone(data) for id, data in folder.items.items()}

    # -- the line

    def exchange(self, command, body, content_type="application/vnd.ms-sync.wbxml", **parameters):
        """The answer; None: it was lost, or says "try again"."""
        how = self.session.trouble()
        return self.hear(command, how, lambda: self.over_the_line(how, command, body, content_type, parameters))

    def hear(self, command, how, get):
        """What get() gives, as exchange() does."""
        try:
            answer = get()
        except (OSError, http.client.HTTPException) as error:
            self.say(f"{command}: {type(error).__name__}")
            return self.may_be(type(error).__name__, command)
        if answer is None:
            self.say(f"{command}: {how}")
            return None
        self.say(f"{command}: {answer.status}{', ' + how if how else ''}")
        if answer.status != 200:
            return self.may_be(f"HTTP {answer.status}", command)
        return answer

    def over_the_line(self, how, command, body, content_type, parameters):
        connection = self.send(command, body, content_type, **parameters)
        if how == "twice":
            answers = [self.receive(c) for c in (connection, self.send(command, body, content_type, **parameters))]
            return self.rng.choice(answers)
        if how == "hang up":
            time.sleep(self.rng.random() * 0.05)
            connection.close()
            return None
        if how == "head":
            connection.getresponse()
            connection.close()
            return None
        answer = self.receive(connection)
        return None if how == "body" else answer

    def may_be(self, what, where):
        """"Try again" and its kin are for when something is being hurt."""
        if what == "HTTP 401" or what not in self.session.excuses:
            raise Violation(f"{where}: {what}")
        self.session.again += 1
        time.sleep(0.02)

    def say(self, line):
        self.session.say(f"{self.device}: {line}")

    # -- what the user wants

    def is_mine(self, token):
        return zlib.crc32(token.encode()) % len(self.session.phones) == self.number

    def new_content(self, kind):
        token = self.session.ledger.token(kind.name)
        while not self.is_mine(token):
            token = self.session.ledger.token(kind.name)
        return (token, *kind.fresh(self.rng))

    def compose(self, folder):
        return [c for c in (self.wish(folder) for _ in range(self.rng.choice([0, 0, 1, 1, 2, 3]))) if c]

    def wish(self, folder, others=()):
        kind, held = self.kind(folder), self.holds(folder)
        luck, free = self.rng.random(), sorted(i for i, c in held.items() if i not in others)
        if kind is not kinds.Mail and luck < 0.35:
            content = self.new_content(kind)
            return Command("add", self.client_id(), content[0], content)
        if not free or folder.type == 5:
            return None
        id = self.rng.choice(free)
        token, mine, theirs = held[id]
        if luck < 0.8 and self.is_mine(token):
            verb = "send" if kind is kinds.Draft and luck > 0.7 else "change"
            if kind is kinds.Event and self.rng.random() < 0.2:
                theirs = kind.theirs(self.rng)
            return Command(verb, id, token, (token, kind.mine(self.rng), theirs))
        return Command("delete", id, token) if luck > 0.7 else None

    def vary(self, folder, commands):
        """After a lost answer, phones do not always repeat exactly."""
        luck, kind = self.rng.random(), self.kind(folder)
        if not self.session.may("repeat") or luck > 0.5:
            return commands
        if luck < 0.2:      # new client ids
            self.session.ledger.renamed.update(c.token for c in commands if c.verb == "add")
            return [Command(c.verb, self.client_id(), c.token, c.content) if c.verb == "add" else c for c in commands]
        if luck < 0.3:      # less
            return commands[1:]
        if luck < 0.4:      # more
            one = self.wish(folder, {c.id for c in commands})
            return commands + [one] if one else commands
        return [Command(c.verb, c.id, c.token, (c.token, kind.mine(self.rng), c.content[2])) if c.content else c for c in commands]

    # -- Sync

    def step(self):
        """One request."""
        if self.moving:
            return self.move()
        if self.sending:
            return self.send_mail()
        luck = self.rng.random()
        if luck < 0.1 and self.choose_move():
            return self.move()
        if luck < 0.17:
            self.choose_mail()
            return self.send_mail()
        if luck < 0.23:
            return waits.wait(self)
        if luck < 0.29:
            return reads.read(self)
        folders = self.rng.sample(list(self.synced.values()), self.rng.choice([1, 1, 2, 3, len(self.synced)]))
        for f in folders:
            f.group = self.vary(f, f.group) if f.group is not None else self.unique(self.compose(f))
            if self.rng.random() < 0.1:
                f.filter = self.rng.choice(list(self.kind(f).filters))
        return self.sync_some(folders, changes=self.rng.random() < 0.85, wins=self.rng.random() < 0.3, moves=self.rng.random() < 0.8)

    @staticmethod
    def unique(commands):
        return list({c.id: c for c in commands}.values())

    def sync_body(self, folders, key=None, changes=True, wins=False, moves=True, more=()):
        collections = []
        for f in folders:
            for c in f.group or ():
                self.note_try(f, c, moves)
            f.begun += f.key == "0"
            options = self.options_of(f, filter=f.filter)
            options[1].append(("AirSync:Conflict", "0" if wins else "1"))
            commands = [self.wire(f, c) for c in f.group or ()]
            collections.append(self.collection(f, commands, options=options, changes=changes or not commands, moves=moves,
                                               key=key if f.key == "0" else None))
        self.say("Sync " + "; ".join(f"{f.name} {f.key}, filter {f.filter}" + "".join(f", {c}" for c in f.group or ()) for f in folders))
        return wbxml.encode(self.sync_tree(*collections, more=more))

    def sync_some(self, folders, moves=True, **more):
        """One Sync. True: it was answered; then self.told says whether there was anything in it."""
        answer = self.exchange("Sync", self.sync_body(folders, moves=moves, **more))
        return answer is not None and self.take_some(folders, answer, moves)

    def take_some(self, folders, answer, moves=True):
        self.told = False
        if not answer.body:
            self.refuse(any(f.group for f in folders), "commands without an answer")
            for f in folders:
                f.group, f.more, f.news = None, False, 0
            return True
        status = text(answer.tree, "AirSync:Status")
        if status not in (None, "1"):
            self.may_be(status, "Sync")
            return False
        by_id = {text(c, "AirSync:CollectionId"): c for c in children(find(answer.tree, "AirSync:Collections"))}
        self.refuse(set(by_id) - {f.id for f in folders}, "a collection that was not asked for")
        return all([self.take_answer(f, by_id.get(f.id)) for f in folders])

    def wire(self, folder, c):
        kind = self.kind(folder)
        if c.verb == "add":
            return self.add(folder, kind.to_phone(c.content, self.version, True), c.id)
        if c.verb == "delete":
            return self.delete(c.id)
        data = kind.to_phone(c.content, self.version, False)
        if c.verb == "send":
            return ("AirSync:Change", [("AirSync:ServerId", c.id), ("Email2:Send", None), ("AirSync:ApplicationData", data)])
        return self.change(c.id, data)

    def note_try(self, folder, c, moves):
        ledger = self.session.ledger
        if c.content:
            ledger.tried(c.token, c.content[1])
            folder.tries.setdefault(c.token, set()).add(c.content[1])
        if c.verb == "add":
            folder.made.add(c.token)
            if len(folder.tries[c.token]) > 1:
                ledger.edited.add(c.token)
        if c.verb == "send":
            ledger.sent.setdefault(c.token, False)
        if c.verb == "delete" and (folder.type in (TRASH, 7, 8, 9) or not moves):
            ledger.delete(c.token)

    def refuse(self, condition, what):
        if condition:
            raise Violation(f"{self.device}: {what}")

    def take_answer(self, folder, c):
        """True: this collection has had its answer."""
        folder.news = 0
        if c is None:
            self.refuse(folder.group, f"{folder.name}: commands without an answer")
            folder.more = False
            return True
        status, key = text(c, "AirSync:Status"), text(c, "AirSync:SyncKey")
        if status == "3" and folder.key.endswith("-1") and folder.begun > 1:
            return self.begin_again(folder)
        if status != "1":
            self.refuse(status not in AGAIN, f"{folder.name}: Status {status}")
            self.refuse(key not in (None, folder.key), f"{folder.name}: a new key with Status {status}")
            self.may_be(status, f"Sync of {folder.name}")
            return False
        self.take_responses(folder, find(c, "AirSync:Responses"))
        folder.more = find(c, "AirSync:MoreAvailable") is not None
        self.refuse(folder.more and key == folder.key, f"{folder.name}: MoreAvailable with the old key")
        commands = children(find(c, "AirSync:Commands"))
        folder.news = len(commands)
        if key != folder.key or commands:
            self.told = True
        for command in commands:
            self.say(f"  {command[0][8:]} {text(command, 'AirSync:ServerId')} "
                     f"{find(command, 'AirSync:ApplicationData') and self.short(folder, command)}")
            self.take_command(folder, command)
        folder.key, folder.group, folder.tries = key, None, {}
        return True

    def begin_again(self, folder):
        """Of many beginnings whose answers were lost, each perhaps run twice, the server keeps the latest: the phone may have another one."""
        self.say(f"  {folder.name} begins again")
        folder.key, folder.items, folder.group, folder.tries = "0", {}, None, {}
        return False

    def short(self, folder, command):
        try:
            return self.kind(folder).from_phone(find(command, "AirSync:ApplicationData"))
        except (AttributeError, TypeError):     # a Change of a mail says only what is new
            return "in part"

    def take_responses(self, folder, responses):
        said = {}
        for r in children(responses):
            said[text(r, "AirSync:ClientId") or text(r, "AirSync:ServerId")] = (text(r, "AirSync:Status"), text(r, "AirSync:ServerId"))
        for c in folder.group or ():
            status, id = said.pop(c.id, ("1" if c.verb != "add" else None, c.id))
            self.take_response(folder, c, status, id)
        self.refuse(said, f"{folder.name}: responses to nothing: {said}")

    def take_response(self, folder, c, status, id):
        kind, ledger = self.kind(folder), self.session.ledger
        self.say(f"  {c.verb} {c.id}: {status} {id}")
        if c.verb == "change" and status == "7":        # what is on the server comes, or has come
            return
        if c.verb in ("change", "send") and status == "8":
            return
        # A try whose process or server died has left it under another name, and its UID is taken: the phone is told of that one.
        if c.verb == "add" and kind is kinds.Event and status == "6" and c.token in ledger.edited:
            return
        self.refuse(status != "1", f"{folder.name}: {c}: Status {status}")
        if c.verb == "add":
            self.refuse(id in folder.items, f"{folder.name}: two of its own: {id}")
            folder.items[id] = ("AirSync:ApplicationData", kind.to_phone(c.content, self.version, True) + self.at_first(kind))
            ledger.acknowledged(c.token, folder.tries[c.token])
        elif c.verb == "delete":
            folder.items.pop(id, None)
            self.dropped.add(id)
        elif c.verb == "send":
            ledger.sent[c.token] = True
            ledger.gone.add(c.token)
        else:
            new = kind.to_phone(c.content, self.version, False)
            if id in folder.items:
                self.take_edit(folder, id, new)
            ledger.acknowledged(c.token, folder.tries[c.token])

    @staticmethod
    def at_first(kind):
        return [("Email:Read", "1")] if kind is kinds.Draft else []

    def take_edit(self, folder, id, new):
        if folder.cls == "Email":       # only what changed of it
            old = {e[0]: e for e in children(folder.items[id])}
            folder.items[id] = ("AirSync:ApplicationData", list((old | {e[0]: e for e in new}).values()))
        else:
            folder.items[id] = ("AirSync:ApplicationData", new)

    def take_command(self, folder, command):
        verb, id = command[0].split(":")[1], text(command, "AirSync:ServerId")
        data = find(command, "AirSync:ApplicationData")
        if verb == "Add":
            self.refuse(id in folder.items, f"{folder.name}: Add of an item that the phone has: {id}")
            folder.items[id] = data
        elif verb == "Change":
            self.refuse(id not in folder.items, f"{folder.name}: Change of an item that the phone has not: {id}")
            self.take_edit(folder, id, children(data))
        else:
            self.refuse(id not in folder.items and id not in self.dropped, f"{folder.name}: {verb} of what the phone has not: {id}")
            folder.items.pop(id, None)

    # -- MoveItems

    def choose_move(self):
        idle = [f for f in self.synced.values() if f.type in (2, 4) or f.name == "Archive"]
        if len(idle) < 2 or any(f.group is not None for f in idle):
            return False
        source, target = self.rng.sample(idle, 2)
        if not source.items:
            return False
        self.moving = (source, target, self.rng.choice(sorted(source.items)))
        return True

    def move(self):
        source, target, id = self.moving
        self.say(f"MoveItems {id} from {source.name} to {target.name}")
        tree = ("Move:MoveItems", [("Move:Move", [("Move:SrcMsgId", id), ("Move:SrcFldId", source.id), ("Move:DstFldId", target.id)])])
        answer = self.exchange("MoveItems", wbxml.encode(tree))
        if answer is None:
            return False
        response = find(answer.tree, "Move:Response")
        status, new = text(response, "Move:Status"), text(response, "Move:DstMsgId")
        self.say(f"  {status} {new}")
        if status == "7" or text(answer.tree, "Move:Status") is not None:
            self.may_be(f"Move {status or text(answer.tree, 'Move:Status')}", "MoveItems")
            return False
        self.refuse(status not in ("3", "1"), f"MoveItems: Status {status}")
        if status == "3":
            self.refuse(new in target.items, f"MoveItems: {new} is there already")
            target.made.add(kinds.Mail.from_phone(source.items[id])[0])
            target.items[new] = source.items.pop(id)
            self.dropped.add(id)
        self.moving = None
        return True

    # -- SendMail

    def choose_mail(self):
        token = self.session.ledger.token("sent")
        id = f"Message-ID: <{token}@phone>\r\n" if self.rng.random() < 0.5 else ""
        self.sending = [token, kinds.MIME.format(user=self.user, token=token, id=id, body=f"Text of {token}").encode(), self.client_id()]
        self.session.ledger.sent[token] = False

    def send_mail(self):
        token, mime, client = self.sending
        self.say(f"SendMail {token} {client}")
        if self.version == "12.1":
            answer = self.exchange("SendMail", mime, "message/rfc822", SaveInSent="T")
        else:
            answer = self.exchange("SendMail", wbxml.encode(("ComposeMail:SendMail", [("ComposeMail:ClientId", client),
                                   ("ComposeMail:SaveInSentItems", None), ("ComposeMail:Mime", mime)])))
        if answer is None or answer.body:
            if answer:
                self.may_be(f"SendMail {text(answer.tree, 'ComposeMail:Status')}", "SendMail")
            if self.session.may("repeat") and self.rng.random() < 0.3:
                self.sending[2] = self.client_id()
            return False
        self.session.ledger.sent[token] = True
        if "backend" not in self.session.hurt:      # a copy that the server could not take is given up: the mail is out
            self.session.ledger.certain.add(token)
        self.sending = None
        return True

    # -- coming to rest

    def until(self, what, seconds=60):
        end = time.monotonic() + seconds
        while not what():
            self.refuse(time.monotonic() > end, f"not within {seconds} s")

    def settle(self):
        """All that has had no answer is asked again, and then until nothing is left to be told."""
        self.until(lambda: not self.moving or self.move())
        self.until(lambda: not self.sending or self.send_mail())
        self.until(lambda: self.sync_some(list(self.synced.values())) and not self.told)

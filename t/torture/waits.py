"""Long polls as turns of a session: a Ping or a waiting Sync that is woken, runs out, is hung up, or is overtaken by a newer request.

What may end which is the table of [MS-ASCMD] 2.2.1.13 and 2.2.1.21 as the design has it: a plain Sync ends a waiting Sync but no Ping.
"""
import time

import wbxml
from wbxml import children, find, text

LONG, SHORT = 30, 2     # seconds
PLACES = ("INBOX", "Archive", "Trash", "event", "task", "contact")      # where other people make something


class Poll:
    """A request under way that may wait."""

    def __init__(self, phone, command, folders, seconds=LONG):
        self.phone, self.command, self.folders = phone, command, folders
        # Then it is woken for something that is there. Of a request that came twice at once the later answer may have told less, and it is by
        # that one that a wait is judged.
        self.promised = phone.session.quiet() and not phone.session.may("clock") and not phone.session.may("twice")
        self.how = phone.session.trouble()
        if command == "Ping":
            phone.say("Ping " + ", ".join(f.name for f in folders))
            body = wbxml.encode(phone.ping_tree(folders, seconds))
        else:
            wait = ("AirSync:Wait", "1") if phone.version == "12.1" else ("AirSync:HeartbeatInterval", str(seconds))
            body = phone.sync_body(folders, more=[wait])
        self.connection = phone.send(command, body, timeout=90)

    def hang_up(self):
        self.phone.say(f"{self.command}: hung up")
        self.connection.close()

    def end(self):
        """The answer; None: it was lost, or says "try again"."""
        if self.how == "hang up":
            self.hang_up()
            return None
        answer = self.phone.hear(self.command, self.how, lambda: self.phone.receive(self.connection))
        return answer if self.how in (None, "twice") else None

    def ended(self, answer):
        """It was ended without news."""
        return not answer.body or text(answer.tree, "Ping:Status") == "1"

    def take(self, answer, woken=False):
        """What a phone does then. False: it has to be tried again. woken: it was not ended for another reason."""
        if self.ended(answer):
            return True
        if self.command == "Sync":
            taken = self.phone.take_some(self.folders, answer)
            self.phone.refuse(taken and woken and self.promised and not self.phone.told, "a Sync was woken for nothing")
            return taken
        status = text(answer.tree, "Ping:Status")
        self.phone.say(f"  {status}")
        if status != "2":
            return self.phone.may_be(f"Ping {status}", "Ping")
        named = [self.phone.synced.get(id[1]) for id in children(find(answer.tree, "Ping:Folders"))]
        self.phone.refuse(not named or any(f not in self.folders for f in named), f"Ping tells of {[f and f.name for f in named]}")
        known = [f for f in named if not f.key.endswith("-1")]      # of the others the server may not know the filter yet
        answered = self.phone.sync_some(named)
        self.phone.refuse(answered and self.promised and not all(f.news for f in known), "a Ping was woken for nothing")
        return answered


def wait(phone):
    inbox = next(f for f in phone.synced.values() if f.type == 2)
    idle = [f for f in phone.synced.values() if f.group is None]
    if inbox not in idle:
        return False
    folders = phone.rng.sample(idle, phone.rng.randrange(len(idle)))
    folders += [] if inbox in folders else [inbox]
    return phone.rng.choice((wake, wake, overtake, run_out, hang_up))(phone, phone.rng.choice(("Ping", "Sync")), folders)


def happen(phone, folders):
    """Other people make something new in one of them, which no filter leaves out."""
    people, folder = phone.session.people, phone.rng.choice([f for f in folders if phone.place(f) in PLACES])
    if phone.rng.random() < 0.6:        # of the others a server tells only when it is asked
        folder = next(f for f in folders if f.type == 2)
    kind = phone.kind(folder)
    if folder.cls == "Email":
        people.deliver(phone.place(folder), 0)
    else:
        people.put_new(kind, kind.newest)


def wake(phone, command, folders):
    poll = Poll(phone, command, folders)
    happen(phone, folders)
    answer = poll.end()
    if answer is None:
        return False
    if poll.ended(answer):
        return phone.may_be(f"{command} not woken", command)
    return poll.take(answer, True)


def run_out(phone, command, folders):
    if phone.version == "12.1":         # a Sync's Wait is a minute there
        command = "Ping"
    poll = Poll(phone, command, folders, SHORT)
    answer = poll.end()
    return answer is not None and poll.take(answer)


def hang_up(phone, command, folders):
    poll = Poll(phone, command, folders)
    time.sleep(phone.rng.random() * 0.2)
    poll.hang_up()
    return False


def overtake(phone, command, folders):
    """The phone drops what the first is told. Which of the two comes first to the server is chance."""
    first, newer = Poll(phone, command, folders), phone.rng.choice(("Ping", "waiting Sync", "Sync", "FolderSync"))
    second = Poll(phone, newer.split()[-1], folders) if newer in ("Ping", "waiting Sync") else None
    done = not second and (phone.sync_some(folders) if newer == "Sync" else phone.folder_sync_once() == "1")
    happen(phone, folders)
    answer = first.end()
    if answer is not None:
        # A Sync whose answer was lost may have taken what happened: the Ping runs out then.
        phone.refuse(first.ended(answer) and (command, newer) == ("Ping", "Sync") and done, "a Ping was ended by a Sync")
        status = text(answer.tree, "AirSync:Status") or text(answer.tree, "Ping:Status") if answer.body else None
        if status not in (None, "1", "2"):
            phone.may_be(f"{command} {status}", command)
    if second:
        answer = second.end()
        done = answer is not None and second.take(answer)
    return done

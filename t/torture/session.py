"""One session: a new user, one or two phones, other people; then both ends are compared, content by content."""
import collections
import random

import reads
from device import Device
from ledger import Ledger, Violation
from people import People
from yard import BROKEN

VERSIONS = ("12.1", "14.1", "16.1")
# What a phone may be told: of a Sync, where one of its collections finds all sessions taken; and while this is being done to the server.
ALWAYS = {"16"}
BUSY = {"16", "111", "Move 7", "SendMail 111", "HTTP 503"}
DOWN = BUSY | {"5", "6", "SendMail 120", "Ping 8", "Ping not woken", "Sync not woken", "Estimate 3", "Fetch 3"}
EXCUSES = {
    # Two responders may be at the requests of one device at once: the one that comes second says so.
    "lost": BUSY,
    "repeat": set(),
    "twice": BUSY,
    "kill": {"HTTP 502", "HTTP 504", "RemoteDisconnected", "ConnectionResetError"},
    "backend": DOWN,
    "store": DOWN,
    "full": DOWN,
    "clock": set(),
}


class Session:
    def __init__(self, yard, seed, hurt, turns=14):
        self.yard, self.seed, self.hurt, self.turns = yard, seed, hurt, turns
        self.rng, self.trace, self.again, self.calm = random.Random(f"torture {seed}"), [], 0, False
        self.excuses = ALWAYS.union(*(EXCUSES[h] for h in hurt))
        self.requests = 0

    def say(self, line):
        self.trace.append(line)

    def may(self, what):
        return what in self.hurt and not self.calm

    def quiet(self):
        """No request of any phone is without an answer."""
        return not any(p.moving or p.sending or any(f.group is not None for f in p.synced.values()) for p in self.phones)

    def trouble(self):
        """What happens to the next request."""
        self.requests += 1
        self.yard.requests += 1
        luck = self.rng.random()
        if self.may("lost") and luck < 0.25:
            return self.rng.choice(["hang up", "head", "body"])
        if self.may("twice") and luck > 0.9:
            return "twice"
        return None

    def run(self):
        self.user = self.yard.new_user(self.seed)
        self.ledger = Ledger(self.user, BROKEN & set(self.hurt))
        self.people = People(self.yard, self.user, self.rng, self.ledger, self.say)
        try:
            self.live()
            self.check()
        finally:
            self.people.close()

    def live(self):
        self.people.fill()
        self.phones = []
        for number in range(self.rng.choice([1, 1, 2])):
            self.phones.append(Device(self, number, self.rng.choice(VERSIONS)))
        for phone in self.phones:
            phone.set_up()
        for _ in range(self.turns * len(self.phones)):
            if self.rng.random() < 0.4:
                self.people.act()
            self.rng.choice(self.phones).step()
        self.calm = True
        self.say("---- calm")
        for phone in self.phones * 2:       # twice: what one still had to say, the others have to hear
            phone.settle()
        for phone in self.phones:
            reads.nothing_left(phone)

    def check(self):
        server = self.people.all()
        sink = self.yard.sent_by(self.user)
        wrong = self.ledger.check(server, sink)
        for token in sorted(set(sink)):
            if sink.count(token) > 1:
                self.yard.count_twice(token, self.hurt, wrong)
        for phone in self.phones:
            for folder in phone.synced.values():
                self.compare(phone, folder, server[phone.place(folder)], wrong)
        if wrong:
            raise Violation("\n    ".join(wrong))

    def compare(self, phone, folder, there, wrong):
        """The phone has what its filter admits, and may have what it made or moved there itself beside."""
        kind, count = phone.kind(folder), collections.Counter
        inside = [c for c in there if kind.admits(folder.filter, self.people.age(kind, c))]
        own = [c for c in there if c not in inside and c[0] in folder.made]
        held = phone.holds(folder).values()
        more, less = count(held) - count(inside + own), count(inside) - count(held)
        if more or less:
            wrong.append(f"{phone.device} ({phone.version}), {folder.name}, filter {folder.filter}: the phone has {sorted(more.elements())}, "
                         f"the server {sorted(less.elements())}; {len(held)} and {len(inside)} in all")

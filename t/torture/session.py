"""One session: a new user, one or two phones, other people; then both ends are compared, content by content."""
import random

from device import Device, Violation
from ledger import Ledger
from people import People

VERSIONS = ("12.1", "14.1", "16.1")
# What a phone may be told while this is being done to the server.
EXCUSES = {
    # Two responders may be at the requests of one device at once: the one that comes second says so.
    "lost": {"16", "111", "Move 7", "SendMail 111", "HTTP 503"},
    "repeat": set(),
    "twice": {"16", "111", "Move 7", "SendMail 111", "HTTP 503"},
    "kill": {"HTTP 502", "HTTP 504", "RemoteDisconnected", "ConnectionResetError"},
    "backend": {"HTTP 503", "16", "5", "111", "6", "Move 7", "SendMail 111", "SendMail 120"},
    "store": {"HTTP 503", "16", "5", "111", "6", "Move 7", "SendMail 111", "SendMail 120"},
    "clock": set(),
}


class Session:
    def __init__(self, yard, seed, hurt, turns=14):
        self.yard, self.seed, self.hurt, self.turns = yard, seed, hurt, turns
        self.rng, self.trace, self.again, self.calm = random.Random(f"torture {seed}"), [], 0, False
        self.excuses = set().union(*(EXCUSES[h] for h in hurt)) if hurt else set()
        self.requests = 0

    def say(self, line):
        self.trace.append(line)

    def may(self, what):
        return what in self.hurt and not self.calm

    def trouble(self):
        """What happens to the next request."""
        self.requests += 1
        luck = self.rng.random()
        if self.may("lost") and luck < 0.25:
            return self.rng.choice(["hang up", "head", "body"])
        if self.may("twice") and luck > 0.9:
            return "twice"
        return None

    def run(self):
        self.user = self.yard.new_user()
        self.ledger = Ledger(self.user, {"kill", "backend", "store"} & set(self.hurt))
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

    def check(self):
        server = self.people.all()
        sink = self.yard.sent_by(self.user)
        wrong = self.ledger.check(server, sink)
        for token in sorted(set(sink)):
            if sink.count(token) > 1:
                self.yard.count_twice(token, self.hurt, wrong)
        for phone in self.phones:
            for folder in phone.synced.values():
                held, there = sorted(phone.holds(folder).values()), sorted(server[phone.place(folder)])
                if held != there:
                    wrong.append(f"{phone.device} ({phone.version}), {folder.name}: the phone has {sorted(set(held) - set(there))}, "
                                 f"the server {sorted(set(there) - set(held))}; {len(held)} and {len(there)} in all")
        if wrong:
            raise Violation("\n    ".join(wrong))

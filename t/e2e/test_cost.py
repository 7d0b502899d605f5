"""What can be counted of what a Sync and a waiting phone cost: calls to backends, statements, rows and bytes, never times (those are in t/bench)."""
import pathlib
import unittest

from bench import wait_for
from case import Case, both
from wbxml import text

EVENTS, CONTACTS, WINDOW = 250, 60, 25
MAILS = 200


class Cost(Case):
    """A bench of its own, so that the counters tell of this test's phones only."""

    more = {"extra": "; for the counters of test_cost alone\n"}

    def spent(self, fn):
        """Counters that fn() changed, and what it returned."""
        before = self.bench.stats()
        result = fn()
        after = self.bench.stats()
        return {k: v - before.get(k, 0) for k, v in after.items() if v != before.get(k, 0)}, result

    @staticmethod
    def total(spent, word):
        return sum(v for k, v in spent.items() if word in k)


class Mail(Cost):
    def setUp(self):
        super().setUp()
        c = self.imap.client(self.user)
        for i in range(MAILS):
            c.append("INBOX", "\\Seen", None, f"From: a@example.org\r\nSubject: {i}\r\n\r\n{i}\r\n".encode())
        c.logout()
        self.p = self.phone()
        self.inbox = self.p.folder(type=2)
        self.p.sync(self.inbox)
        self.p.sync_once(self.inbox)    # the key's position moves to the head once

    def test_pages(self):
        """A phone that pages: the mailbox is asked for the mails of each window, and what changed at the beginning and the end."""
        p = self.phone()
        inbox = p.folder(type=2)
        p.window = WINDOW
        spent, _ = self.spent(lambda: p.sync(inbox))
        self.assertEqual(len(inbox.items), MAILS)
        self.assertLessEqual(spent["imap.call.changes"], 2, spent)
        self.assertEqual(spent["imap.call.fetch"], MAILS // WINDOW, spent)

    def test_nothing_new(self):
        spent, answer = self.spent(lambda: self.p.sync_once(self.inbox))
        self.assertIsNone(answer)
        self.assertLessEqual(spent["store.statements"], 5, spent)
        self.assertLessEqual(self.total(spent, "imap.command."), 1, spent)
        for word in ("store.rows", "store.out", ".call.login", ".request."):
            self.assertEqual(self.total(spent, word), 0, spent)

    def assert_no_listing(self, spent):
        """One line of a listing has more than 40 bytes, for each of the mails that have not changed."""
        self.assertLess(spent["imap.in"], MAILS * 10, spent)
        self.assertEqual(self.total(spent, ".call.login") + self.total(spent, ".request."), 0, spent)

    def test_windows(self):
        """A look, a FETCH for the sizes and one for the texts, and one commit for each window, whatever its size."""
        for window in (WINDOW, MAILS // 2):
            p = self.phone()
            inbox, p.window = p.folder(type=2), window
            spent, _ = self.spent(lambda: p.sync(inbox))
            self.assertEqual(len(inbox.items), MAILS)
            self.assertEqual(spent["imap.command.FETCH"], 2 * (MAILS // window), spent)
            self.assertLessEqual(self.total(spent, "imap.command."), 4 * (MAILS // window + 1), spent)
            if window == WINDOW:    # a few more: the first key, what was asked, the housekeeping
                self.assertLess(spent["store.commits"], 2 * (MAILS // window), spent)

    def test_one_new_mail(self):
        self.deliver("The new one")
        spent, _ = self.spent(lambda: self.p.sync(self.inbox))
        self.assertEqual(len(self.p.folder(type=2).items), MAILS + 1)
        self.assertLess(spent["store.out"], 1000, spent)
        self.assert_no_listing(spent)

    def test_one_read_elsewhere(self):
        self.mailbox().store("7", "-FLAGS", "\\Seen")
        spent, _ = self.spent(lambda: self.p.sync(self.inbox))
        self.assertEqual([text(d, "Email:Read") for d in self.inbox.items.values()].count("0"), 1)
        self.assertLess(spent["store.out"], 1000, spent)
        self.assert_no_listing(spent)

    def test_one_read_by_the_phone(self):
        id = next(iter(self.inbox.items))
        change = ("AirSync:Change", [("AirSync:ServerId", id), ("AirSync:ApplicationData", [("Email:Read", "0")])])
        spent, _ = self.spent(lambda: self.p.sync_once(self.inbox, [change]))
        self.assertEqual(self.mailbox().search(None, "UNSEEN")[1][0].split()[:2], [str(MAILS).encode()])
        self.assertLess(spent["store.out"], 2000, spent)
        self.assert_no_listing(spent)


class Collections(Cost):
    def fill(self, name, n, item):
        """Straight into Radicale's directory: that is quick."""
        data = pathlib.Path(self.bench.parts["caldav"].values["RADICALE_DATA"])
        place = next(p for p in data.rglob(name) if p.parent.name == self.user)
        for i in range(n):
            (place / item(i)[0]).write_text(item(i)[1])

    def event(self, i, year=2026):
        return f"e{i}.ics", ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//EN\r\nBEGIN:VEVENT\r\n" f"UID:e{i}\r\nDTSTAMP:20260101T000000Z\r\n"
                             f"DTSTART:{year}01{i % 28 + 1:02}T100000Z\r\nDURATION:PT1H\r\nSUMMARY:Event {i}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")

    def contact(self, i):
        return f"c{i}.vcf", f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:c{i}\r\nFN:Person {i}\r\nN:{i};Person;;;\r\nEND:VCARD\r\n"

    def first_sync(self, type, n, filter=0):
        p = self.phone()
        folder = p.folder(type=type)
        p.window = WINDOW
        spent, _ = self.spent(lambda: p.sync(folder, options=p.options_of(folder, filter=filter)))
        self.assertEqual(len(folder.items), n)
        return spent

    def assert_asked(self, spent, module, multigets, looks):
        """So often for items and for what changed, and for nothing else."""
        kinds = {k.rsplit(".", 1)[1]: v for k, v in spent.items() if k.startswith(f"{module}.request.")}
        self.assertEqual({k: kinds.get(k, 0) for k in ("multiget", "GET", "calendar-query")}, {"multiget": multigets, "GET": 0, "calendar-query": 0}, spent)
        self.assertEqual(spent[f"{module}.call.changes"], looks, spent)

    def test_events(self):
        """One multiget for each window, each event of it read once; a look before the first window and one before the end is told."""
        self.fill("calendar", EVENTS, self.event)
        spent = self.first_sync(8, EVENTS)
        windows = EVENTS // WINDOW
        self.assert_asked(spent, "caldav", windows, 2)
        self.assertEqual(spent["icalendar"], EVENTS, spent)
        # A second phone finds the mirror, and that somebody has just looked.
        spent = self.first_sync(8, EVENTS)
        self.assert_asked(spent, "caldav", windows, 1)
        self.assertEqual(spent["icalendar"], EVENTS, spent)

    def test_old_events(self):
        """Behind a filter: what is old is fetched for its date, once, and many together."""
        self.fill("calendar", EVENTS, lambda i: self.event(i, 2020 if i % 2 else 2040))
        spent = self.first_sync(8, EVENTS // 2, filter=4)
        windows = EVENTS // 2 // WINDOW
        # The first window shows that there are old ones: their dates come by 200, and of what it sends some may be fetched again.
        self.assertLessEqual(spent["caldav.request.multiget"], windows + 3 + EVENTS // 200, spent)
        self.assertLessEqual(spent["icalendar"], EVENTS + EVENTS // 2, spent)
        # A second phone; its filter goes up from what key 0 had, none, and that looks.
        spent = self.first_sync(8, EVENTS // 2, filter=4)
        self.assert_asked(spent, "caldav", windows, 2)

    def test_contacts(self):
        self.fill("contacts", CONTACTS, self.contact)
        self.assert_asked(self.first_sync(9, CONTACTS), "carddav", -(-CONTACTS // WINDOW), 2)


class Waiting(Cost):
    def test_idle(self):
        """Two phones wait for mail, calendar and contacts: one PROPFIND per home and interval, whatever their number; nothing else is sent,
        and the store is not read."""
        before = self.bench.stats()
        self.assertEqual(before["parked.now"], 0)
        for _ in range(2):
            p = self.phone()
            folders = [p.folder(type=t) for t in (2, 8, 9)]
            for f in folders:
                p.sync(f)
            self.addCleanup(p.start_ping(folders, 300).close)

        def quiet():
            s = self.bench.stats()
            return s["parked.now"] == 2 and s["jobs.now"] == 0 and s.get("caldav.call.noticed", 0) >= first + 1 and s
        first = before.get("caldav.call.noticed", 0)
        started = wait_for(quiet, 60, 0.1)
        ended = wait_for(lambda: (s := self.bench.stats())["caldav.call.noticed"] >= started["caldav.call.noticed"] + 3 and s["jobs.now"] == 0 and s, 90, 0.1)
        spent = {k: v - started.get(k, 0) for k, v in ended.items() if v != started.get(k, 0)}
        for module in ("caldav", "carddav"):
            self.assertEqual(spent[f"{module}.request.PROPFIND"], spent[f"{module}.call.noticed"], spent)
            self.assertEqual({k for k in spent if k.startswith(f"{module}.request.")}, {f"{module}.request.PROPFIND"})
        self.assertEqual({k for k in spent if k.startswith("imap.command.")} - {"imap.command.IDLE"}, set(), spent)
        for word in (".call.login", "store.reads", "store.rows", "parked.answered"):
            self.assertEqual(self.total(spent, word), 0, spent)


MailMariaDB = both(Mail)


if __name__ == "__main__":
    unittest.main()

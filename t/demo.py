"""A phone's session against a private nginx and cpush with the embedded backend and some sample data."""
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).with_name("e2e")))
from bench import Bench                                     # noqa: E402
from phone import Phone                                     # noqa: E402
from wbxml import children, find, text                      # noqa: E402

USER, PASSWORD = "alice", "secret"

MAILS = [("Welcome to cpush", "Your phone speaks Exchange, your server speaks IMAP and DAV.\r\n"),
         ("Lunch on Thursday?", "The usual place, half past twelve.\r\n"),
         ("Invoice 2026-117", "Please find the invoice below.\r\n")]
EVENT = ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//cpush//demo//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\n"
         "{when}SUMMARY:{summary}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")


def mail(subject, body):
    return (f"From: Bob <bob@example.org>\r\nTo: {USER}@example.org\r\nSubject: {subject}\r\nDate: {time.strftime('%a, %d %b %Y %H:%M:%S')} +0000\r\n"
            f"Message-ID: <{abs(hash(subject))}@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}").encode()


def deliver(home, subject, body):
    name = f"{time.time_ns()}.{os.getpid()}.demo"
    tmp = home / "mail/tmp" / name
    tmp.write_bytes(mail(subject, body))
    tmp.rename(home / "mail/new" / name)


def one(home, kind, ending):
    """The first collection of a kind that the first login has made."""
    return next(d for d in sorted((home / kind).iterdir()) if d.is_dir())


def fill(home):
    for subject, body in MAILS:
        deliver(home, subject, body)
    calendar = one(home, "calendars", "ics")
    for uid, when, summary in (("d1", "DTSTART:20260301T110000Z\r\nDTEND:20260301T120000Z\r\n", "Dentist"),
                               ("d2", "DTSTART;VALUE=DATE:20260704\r\nDTEND;VALUE=DATE:20260705\r\n", "Garden party"),
                               ("d3", "DTSTART:20260302T080000Z\r\nDTEND:20260302T083000Z\r\nRRULE:FREQ=WEEKLY\r\n", "Weekly call")):
        (calendar / f"{uid}.ics").write_text(EVENT.format(uid=uid, when=when, summary=summary), newline="")
    (one(home, "tasks", "ics") / "t1.ics").write_text(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//cpush//demo//EN\r\nBEGIN:VTODO\r\nUID:t1\r\nDTSTAMP:20260101T000000Z\r\n"
        "SUMMARY:Water the plants\r\nEND:VTODO\r\nEND:VCALENDAR\r\n", newline="")
    (one(home, "contacts", "vcf") / "c1.vcf").write_text(
        "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:c1\r\nFN:Ada Lovelace\r\nN:Lovelace;Ada;;;\r\nEMAIL:ada@example.org\r\nTEL;TYPE=CELL:+44 20 1815\r\n"
        "END:VCARD\r\n", newline="")


def show(title, rows):
    print(f"\n{title}")
    for row in rows:
        print(f"  {row}")


def session(bench):
    p = Phone(bench.port, USER, PASSWORD, version="16.1", type="Demo", device="DEMOPHONE", agent="Demo/1.0")
    print(f"OPTIONS: versions {p.options().headers['MS-ASProtocolVersions']}")
    assert p.folder_sync() == "1"           # the first login makes the folders
    fill(bench.parts["local"].path / USER)
    show("Folders", [f.name for f in p.folders.values()])
    wanted = ((2, "Inbox", "Email:Subject", 3), (8, "Calendar", "Calendar:Subject", 3), (7, "Tasks", "Tasks:Subject", 1),
              (9, "Contacts", "Contacts:FirstName", 1))
    for type, title, field, count in wanted:
        folder = p.folder(type=type)
        p.sync(folder)
        show(title, [text(d, field) for d in folder.items.values()])
        assert len(folder.items) == count, f"{title}: {len(folder.items)} instead of {count}"
    print("\nA Ping waits; a mail is delivered ...")
    inbox = p.folder(type=2)
    connection = p.start_ping([inbox], 300)
    time.sleep(0.5)
    begun = time.monotonic()
    deliver(bench.parts["local"].path / USER, "This one was pushed", "At once.\r\n")
    assert text(p.receive(connection).tree, "Ping:Status") == "2"
    milliseconds = (time.monotonic() - begun) * 1000
    p.sync(inbox)
    assert "This one was pushed" in [text(d, "Email:Subject") for d in inbox.items.values()]
    print(f"  the phone was told after {milliseconds:.0f} ms and has it")


def main():
    bench = Bench("sqlite", ("local",))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    bench.start()
    try:
        session(bench)
        if "--once" not in sys.argv:
            print(f"\nIt goes on running. Point a phone (or curl) at it:\n  server    http://127.0.0.1:{bench.port}/Microsoft-Server-ActiveSync"
                  f" (a phone needs TLS: see nginx.conf.example)\n  user      {USER}\n  password  {PASSWORD}\nCtrl-C ends it and removes everything.")
            signal.pause()
    except KeyboardInterrupt:
        print()
    finally:
        bench.stop()
    if "--once" in sys.argv:
        print("\nAll as it should be.")


if __name__ == "__main__":
    main()

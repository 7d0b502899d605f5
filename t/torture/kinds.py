"""What the items of the torture bench look like: to a phone, and on the servers.

Every item carries a token that no other has, where it can be seen from both sides, and two fields that can be edited apart: `mine`, which
only one phone edits, and `theirs`, which other people edit on the servers. So content is (token, mine, theirs), whoever reads it.

Mails and events have an age in days, far enough from the edge of every filter that a day more or less makes no difference.
"""
import datetime
import email
import re

from wbxml import text

MIME = "From: {user}@example.org\r\nTo: bob@example.org\r\nSubject: {token}\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\n{id}\r\n{body}\r\n"


def fields_of(component, native):
    """The properties of the component by name, parameters left out; of a vCard component is None."""
    unfolded = re.sub(r"\r?\n[ \t]", "", native.decode())
    if component:
        unfolded = unfolded.split(f"BEGIN:{component}", 1)[1].split(f"END:{component}", 1)[0]
    return {m[1].upper(): m[2] for m in re.finditer(r"^([\w-]+)[^:\r\n]*:([^\r\n]*)", unfolded, re.M)}


def today():
    return datetime.datetime.now(datetime.timezone.utc).date()


class Kind:
    """filters: days that a FilterType of the class reaches back [MS-ASCMD 2.2.3.68.2]; 0: all."""
    filters = {0: None}

    @classmethod
    def fresh(cls, rng):
        return cls.mine(rng), cls.theirs(rng)

    @staticmethod
    def age(content):
        return 0

    @classmethod
    def newest(cls, rng):
        """`theirs` of an item that every filter admits."""
        return cls.theirs(rng)

    @classmethod
    def admits(cls, filter, age):
        return cls.filters[filter] is None or age <= cls.filters[filter]


class Event(Kind):
    """`theirs` is its hour, the day with it: other people move it over the edges of filters."""
    name, type, collection, suffix = "event", 8, "calendar", "ics"
    filters = {0: None, 4: 14, 5: 31, 6: 92, 7: 183}
    AGES = (-5, 5, 20, 60, 130, 260)

    mine = staticmethod(lambda rng: f"Room {rng.randrange(10**6)}")

    @classmethod
    def theirs(cls, rng, ages=AGES):
        day = today() - datetime.timedelta(rng.choice(ages))
        return f"{day:%Y%m%d}T{rng.randrange(10, 20)}"

    @classmethod
    def newest(cls, rng):
        return cls.theirs(rng, cls.AGES[:1])

    @staticmethod
    def age(content):
        return (today() - datetime.datetime.strptime(content[2][:8], "%Y%m%d").date()).days

    @staticmethod
    def to_phone(content, version, new):
        token, mine, theirs = content
        out = [("Calendar:DtStamp", "20260105T080000Z")] if version < "16" else []
        if version < "16" and new:
            out.append(("Calendar:UID", f"{token}@phone"))
        return out + [("Calendar:StartTime", f"{theirs}0000Z"), ("Calendar:EndTime", f"{theirs}3000Z"),
                      ("Calendar:Subject", token), ("Calendar:Location", mine), ("Calendar:AllDayEvent", "0"),
                      ("Calendar:BusyStatus", "2"), ("Calendar:Sensitivity", "0")]

    @staticmethod
    def from_phone(data):
        location = text(data, "Calendar:Location")
        if location is None:
            location = text(data, "AirSyncBase:Location", "AirSyncBase:DisplayName")
        start = re.sub(r"\W", "", text(data, "Calendar:StartTime"))
        return text(data, "Calendar:Subject"), location or "", start[:11]

    @staticmethod
    def to_server(content):
        token, mine, theirs = content
        return (f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//T//EN\r\nBEGIN:VEVENT\r\nUID:{token}@server\r\nDTSTAMP:20260101T000000Z\r\n"
                f"DTSTART:{theirs}0000Z\r\nDTEND:{theirs}3000Z\r\nSUMMARY:{token}\r\nLOCATION:{mine}\r\n"
                "X-EXTRA:kept\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n").encode()

    @staticmethod
    def from_server(native):
        f = fields_of("VEVENT", native)
        return f["SUMMARY"], f.get("LOCATION", ""), f["DTSTART"][:11]

    @staticmethod
    def edit(native, theirs):
        native = re.sub(rb"(DTSTART[^:\r\n]*:)\d{8}T\d\d", rb"\g<1>" + theirs.encode(), native)
        return re.sub(rb"(DTEND[^:\r\n]*:)\d{8}T\d\d", rb"\g<1>" + theirs.encode(), native)


class Task(Kind):
    """Never complete: each filter admits it."""
    name, type, collection, suffix = "task", 7, "tasks", "ics"
    filters = {0: None, 8: None}
    PRIORITY = {"9": "0", "5": "1", "1": "2"}

    mine = staticmethod(lambda rng: f"Note {rng.randrange(10**6)}")
    theirs = staticmethod(lambda rng: rng.choice("012"))

    @staticmethod
    def to_phone(content, version, new):
        token, mine, theirs = content
        return [("AirSyncBase:Body", [("AirSyncBase:Type", "1"), ("AirSyncBase:Data", mine)]), ("Tasks:Subject", token),
                ("Tasks:Importance", theirs), ("Tasks:Complete", "0"), ("Tasks:Sensitivity", "0")]

    @staticmethod
    def from_phone(data):
        body = text(data, "AirSyncBase:Body", "AirSyncBase:Data") or ""
        return text(data, "Tasks:Subject"), body.strip(), text(data, "Tasks:Importance") or "1"

    @classmethod
    def to_server(cls, content):
        token, mine, theirs = content
        priority = next(p for p, i in cls.PRIORITY.items() if i == theirs)
        return (f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//T//EN\r\nBEGIN:VTODO\r\nUID:{token}@server\r\nDTSTAMP:20260101T000000Z\r\n"
                f"SUMMARY:{token}\r\nDESCRIPTION:{mine}\r\nPRIORITY:{priority}\r\nX-EXTRA:kept\r\nEND:VTODO\r\nEND:VCALENDAR\r\n").encode()

    @classmethod
    def from_server(cls, native):
        f = fields_of("VTODO", native)
        return f["SUMMARY"], f.get("DESCRIPTION", "").replace("\\n", "").strip(), cls.PRIORITY.get(f.get("PRIORITY", "5"), "1")

    @classmethod
    def edit(cls, native, theirs):
        priority = next(p for p, i in cls.PRIORITY.items() if i == theirs).encode()
        if b"\r\nPRIORITY" not in native:
            return native.replace(b"\r\nSUMMARY", b"\r\nPRIORITY:" + priority + b"\r\nSUMMARY", 1)
        return re.sub(rb"(\r\nPRIORITY[^:\r\n]*:)\d", rb"\g<1>" + priority, native)


class Contact(Kind):
    name, type, collection, suffix = "contact", 9, "contacts", "vcf"

    mine = staticmethod(lambda rng: f"+49 {rng.randrange(10**6)}")
    theirs = staticmethod(lambda rng: f"a{rng.randrange(10**6)}@example.org")

    @staticmethod
    def to_phone(content, version, new):
        token, mine, theirs = content
        return [("Contacts:FirstName", "Ada"), ("Contacts:LastName", token), ("Contacts:Email1Address", theirs),
                ("Contacts:MobilePhoneNumber", mine)]

    @staticmethod
    def from_phone(data):
        address = text(data, "Contacts:Email1Address") or ""
        address = re.sub(r".*<(.*)>.*", r"\1", address)
        return text(data, "Contacts:LastName"), text(data, "Contacts:MobilePhoneNumber") or "", address

    @staticmethod
    def to_server(content):
        token, mine, theirs = content
        return (f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{token}@server\r\nFN:Ada {token}\r\nN:{token};Ada;;;\r\nEMAIL;TYPE=INTERNET:{theirs}\r\n"
                f"TEL;TYPE=CELL:{mine}\r\nX-EXTRA:kept\r\nEND:VCARD\r\n").encode()

    @staticmethod
    def from_server(native):
        f = fields_of(None, native)
        return f["N"].split(";")[0], f.get("TEL", ""), f.get("EMAIL", "")

    @staticmethod
    def edit(native, theirs):
        return re.sub(rb"(\r\nEMAIL[^:\r\n]*:)[^\r\n]*", rb"\g<1>" + theirs.encode(), native)


class Mail(Kind):
    """Read is the phone's, the flag other people's."""
    name = "mail"
    filters = {0: None, 1: 1, 2: 3, 3: 7, 4: 14, 5: 31}
    AGES = (0, 5, 10, 20, 60)

    mine = staticmethod(lambda rng: rng.choice("01"))
    theirs = staticmethod(lambda rng: rng.choice("01"))

    @staticmethod
    def to_phone(content, version, new):
        return [("Email:Read", content[1])]

    @staticmethod
    def from_phone(data):
        flag = text(data, "Email:Flag", "Email:Status")
        return text(data, "Email:Subject"), text(data, "Email:Read"), "1" if flag == "2" else "0"

    @staticmethod
    def from_server(flags, raw):
        return str(email.message_from_bytes(raw)["Subject"]), str(int("\\Seen" in flags)), str(int("\\Flagged" in flags))


class Draft(Mail):
    """A mail in Drafts, from 16.0: its text is the phone's."""
    name = "draft"

    mine = staticmethod(lambda rng: f"Text {rng.randrange(10**6)}")

    @classmethod
    def fresh(cls, rng):
        return cls.mine(rng), "0"

    @staticmethod
    def to_phone(content, version, new):
        token, mine, _ = content
        return [("Email:To", "bob@example.org"), ("Email:Subject", token),
                ("AirSyncBase:Body", [("AirSyncBase:Type", "1"), ("AirSyncBase:Data", mine)])]

    @staticmethod
    def from_phone(data):
        flag = text(data, "Email:Flag", "Email:Status")
        body = text(data, "AirSyncBase:Body", "AirSyncBase:Data") or ""
        return text(data, "Email:Subject"), body.strip(), "1" if flag == "2" else "0"

    @staticmethod
    def from_server(flags, raw):
        m = email.message_from_bytes(raw)
        body = m.get_payload(decode=True) or b""
        return str(m["Subject"]), body.decode().strip(), str(int("\\Flagged" in flags))


DAV = (Event, Task, Contact)

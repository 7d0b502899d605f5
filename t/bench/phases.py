"""The phases of run.py: each starts what it needs, measures, and prints rows."""
import base64
import concurrent.futures
import contextlib
import http.client
import select
import socket
import time

import stack
import thin
import wbxml
from bench import wait_for

PHASES = {}


def phase(name, **servers):
    def add(fn):
        fn.servers, PHASES[name] = servers, fn
        return fn
    return add


def run(name, options, table):
    fn = PHASES[name]
    table.head(f"{name}: {fn.__doc__.splitlines()[0]}")
    servers = dict(fn.servers)
    s = stack.Stack(options.store, build=options.build, mailbox=options.mailbox, **servers)
    try:
        s.start()
        fn(s, options, table)
    finally:
        s.stop()


def scaled(options, n, least=1):
    return max(least, int(n * options.scale))


def in_parallel(fn, things, threads=8):
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return list(pool.map(fn, things))


def ready_phone(s, user, device=None, type=2, **more):
    p = thin.Thin(s.port, user=user, device=device or f"BENCH{user.upper()}", **more)
    assert p.folder_sync() == "1", "FolderSync failed"
    return p, p.folder(type=type)


def costs(m, *names):
    """Columns: CPU by server, and the counters that matter."""
    cpu = " ".join(f"{k}:{v:g}" for k, v in m.cpu.items() if v >= 0.01)
    out = {"cpu": cpu or "0", "imap": f"{m.of('imap.command.')}cmd", "logins": sum(v for k, v in m.counts.items() if k.endswith(".call.login")),
           "dav": m.of("caldav.request.", "carddav.request."), "stmts": m.counts.get("store.statements", 0), "rows": m.counts.get("store.rows", 0)}
    for name in names:
        out[name] = m.counts.get(name, 0)
    return out


# ---- syncs ----

@phase("first-sync", backends=("imap",))
def first_sync(s, options, table):
    """First sync of 10,000 mails of 6.4 kB whole, by windows of 25, 100 and 512, beside a bare IMAP fetch."""
    n = scaled(options, 10000)
    s.fill_mailbox("alice", n)
    port = int(s.parts["imap"].values["IMAP_PORT"])
    thin.bare_fetch(port, "alice", n, 512)       # Dovecot's own index, once for all
    for window in (25, 100, 512):
        for version in ("14.1", "16.1"):
            bare, times, bare_bytes, rows = [], [], 0, {}
            for i in range(options.repeat):
                seconds, bare_bytes = thin.bare_fetch(port, "alice", n, window)
                bare.append(seconds)
                p, inbox = ready_phone(s, "alice", f"FIRST{version.replace('.', '')}W{window}N{i}", version=version)
                stack.reset_peak(s.cpush.pid)
                with s.measure() as m:
                    requests, size = p.all(inbox, window=window)
                times.append(m.seconds)
                rows = costs(m) | {"requests": requests, "to phone": f"{size / 1e6:.1f}MB", "peak": f"{stack.peak(s.cpush.pid) / 1024:.0f}MB",
                                   "read": f"x{m.counts['imap.in'] / bare_bytes:.2f}"}
            table.row(f"bare fetch of {n}, window {window}", bare, bytes=bare_bytes)
            table.row(f"first sync of {n}, {version}, window {window}", times, yardstick=bare, **rows)


@phase("dav-sync", backends=("imap", "caldav", "carddav"))
def dav_sync(s, options, table):
    """First sync of 500 events and 300 contacts (and ten times as many), and one changed."""
    for user, events, contacts in (("alice", scaled(options, 500), scaled(options, 300)), ("bob", scaled(options, 5000), scaled(options, 5000))):
        s.fill_dav(user, events, contacts)
        for what, kind, n, module in (("events", 8, events, "caldav"), ("contacts", 9, contacts, "carddav")):
            place, letter = (("calendar", "e%d.ics") if kind == 8 else ("contacts", "c%d.vcf"))
            names = [letter % i for i in range(n)]
            thin.bare_multiget(s.parts[module], user, place, names, 100)     # Radicale's own cache, once for all
            bare = [thin.bare_multiget(s.parts[module], user, place, names, 100) for _ in range(options.repeat)]
            table.row(f"bare multiget of {n} {what} by 100", [t for t, _ in bare], bytes=bare[0][1])
            p, folder = ready_phone(s, user, f"DAV{user.upper()}{kind}", type=kind)
            with s.measure() as m:
                requests, size = p.all(folder, window=100)
            table.row(f"first sync of {n} {what}", [m.seconds], yardstick=[t for t, _ in bare], requests=requests, multigets=m.counts.get(f"{module}.request.multiget", 0),
                      listings=m.of(f"{module}.call.changes"), bytes=size, **costs(m, "dav.in"))
            other, theirs = ready_phone(s, user, f"DAV{user.upper()}{kind}B", type=kind)
            with s.measure() as m:
                requests, size = other.all(theirs, window=100)
            table.row("the same by a second phone", [m.seconds], yardstick=[t for t, _ in bare], requests=requests,
                      multigets=m.counts.get(f"{module}.request.multiget", 0), **costs(m))
            p.once(folder)
            with s.measure() as m:
                p.once(folder)
            table.row(f"nothing new of {n} {what}", [m.seconds], **costs(m))


def sized_mailboxes(s, options):
    out = {}
    for n in (1000, 10000, 40000):
        n = scaled(options, n, 10)
        s.fill_mailbox(f"u{len(out) + 1}", n, 1000)
        out[n] = ready_phone(s, f"u{len(out) + 1}")
    return out


@phase("nothing-new", backends=("imap",))
def nothing_new(s, options, table):
    """Nothing new, one new mail and one mail read, at 1,000, 10,000 and 40,000 mails."""
    boxes = sized_mailboxes(s, options)
    for n, (p, inbox) in boxes.items():
        with s.measure() as m:
            p.all(inbox, window=512)
        table.row(f"(first sync of {n} small mails)", [m.seconds], **costs(m))
    times = {"nothing new": {}, "one new mail": {}, "one read elsewhere": {}, "one read by the phone": {}}
    rows, bare = {}, {what: {} for what in times}
    port = int(s.parts["imap"].values["IMAP_PORT"])
    clients = {n: thin.Imap(port, p.user) for n, (p, _) in boxes.items()}
    for c in clients.values():
        c.run("SELECT INBOX")

    def yardstick(what, n, *commands):
        began = time.monotonic()
        for command in commands:
            clients[n].run(command)
        bare[what].setdefault(n, []).append(time.monotonic() - began)

    def look(what, n, p, inbox, commands=()):
        with s.measure() as m:
            p.once(inbox, commands)
        times[what].setdefault(n, []).append(m.seconds)
        rows[what, n] = costs(m, "store.out", "imap.in") | {"changes": m.of("imap.call.changes")}

    for i in range(5 * options.repeat):          # by turns, so that all see the same machine
        for n, (p, inbox) in boxes.items():
            look("nothing new", n, p, inbox)
            yardstick("nothing new", n, "NOOP")
    for i in range(2 * options.repeat):
        for n, (p, inbox) in boxes.items():
            s.new_mail(p.user, 2 * i)
            yardstick("one new mail", n, "NOOP", "UID FETCH * (UID FLAGS INTERNALDATE BODY.PEEK[])")
            p.once(inbox)
            s.new_mail(p.user, 2 * i + 1)
            look("one new mail", n, p, inbox)
            clients[n].run(f"UID STORE {i + 3} {'-' if i % 2 else '+'}FLAGS (\\Flagged)")
            look("one read elsewhere", n, p, inbox)
            other = thin.Imap(port, p.user)
            other.run("SELECT INBOX")
            other.run(f"UID STORE {i + 3} {'-' if i % 2 else '+'}FLAGS (\\Seen)")
            other.close()
            yardstick("one read elsewhere", n, "NOOP")
            p.once(inbox)
    for n, (p, inbox) in boxes.items():
        other = thin.Thin(s.port, user=p.user, device=p.device + "B")
        other.folder_sync()
        theirs = other.folder(type=2)
        theirs.key = "0"
        other.once(theirs)
        first = other.post("Sync", other.sync_tree(other.collection(theirs, window=1)))
        id = wbxml.text(wbxml.find(first.tree, "AirSync:Collections", "AirSync:Collection", "AirSync:Commands", "AirSync:Add"), "AirSync:ServerId")
        for i in range(options.repeat):
            change = ("AirSync:Change", [("AirSync:ServerId", id), ("AirSync:ApplicationData", [("Email:Read", str(i % 2))])])
            look("one read by the phone", n, p, inbox, [change])
            yardstick("one read by the phone", n, "NOOP", f"UID STORE 2 {'-' if i % 2 else '+'}FLAGS (\\Seen)")
            p.once(inbox)
    for by_size, kind in ((bare, "bare: "), (times, "")):
        for what in times:
            least = next(iter(by_size[what].values()))
            for n, values in by_size[what].items():
                table.row(f"{kind}{what} at {n}", [v * 1000 for v in values], "ms", [v * 1000 for v in least], **({} if kind else rows[what, n]))


@phase("big", backends=("imap",))
def big(s, options, table):
    """A mail of 30 MB fetched whole, and its attachment of 22 MB by ranges."""
    port = int(s.parts["imap"].values["IMAP_PORT"])
    s.fill_mailbox("alice", 0)
    part = base64.b64encode(bytes(range(57))) + b"\r\n"
    head = (b"From: a@example.org\r\nTo: alice@example.org\r\nSubject: Big\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee there\r\n--b\r\n"
            b"Content-Type: application/octet-stream; name=big.bin\r\nContent-Disposition: attachment; filename=big.bin\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n")
    size = scaled(options, 22 * 10 ** 6)        # 30 MB as a mail
    message = head + part * (size // 57) + b"\r\n--b--\r\n"
    s.parts["imap"].deliver(message)
    p, inbox = ready_phone(s, "alice", "BIG", version="14.1")
    p.options_of = lambda folder, **more: ("AirSync:Options", [("AirSyncBase:BodyPreference", [("AirSyncBase:Type", "1")])])
    p.sync(inbox)
    id, data = next(iter(inbox.items.items()))
    reference = wbxml.text(wbxml.find(data, "AirSyncBase:Attachments", "AirSyncBase:Attachment"), "AirSyncBase:FileReference")

    def fetch(*what, range=None):
        options_ = [("ItemOperations:Range", range)] if range else []
        if what[0][0] == "AirSync:CollectionId":
            options_ += [("AirSync:MIMESupport", "2"), ("AirSyncBase:BodyPreference", [("AirSyncBase:Type", "4")])]
        answer = p.post("ItemOperations", ("ItemOperations:ItemOperations", [("ItemOperations:Fetch", [
            ("ItemOperations:Store", "Mailbox"), *what, ("ItemOperations:Options", options_)])]), timeout=300)
        assert answer.status == 200, answer.status
        if len(answer.body) < 1000:
            raise SystemExit(wbxml.to_xml(answer.tree))
        return len(answer.body)

    whole = (("AirSync:CollectionId", inbox.id), ("AirSync:ServerId", id))
    attachment = (("AirSyncBase:FileReference", reference),)
    c = thin.Imap(port, "alice")
    c.run("SELECT INBOX")
    bare = []
    for i in range(options.repeat):
        began = time.monotonic()
        c.run("UID FETCH 1 BODY.PEEK[]")
        bare.append(time.monotonic() - began)
    table.row("bare fetch", bare, bytes=len(message))
    for what, fn in (("whole", lambda: fetch(*whole)), ("attachment, whole", lambda: fetch(*attachment)),
                     ("attachment, first 64 kB", lambda: fetch(*attachment, range="0-65535")),
                     ("attachment, 64 kB near the end", lambda: fetch(*attachment, range=f"{size - 100000}-{size - 34464}"))):
        times, n = [], 0
        for i in range(options.repeat):
            with stack.Watch(s.cpush.pid) as w, s.measure() as m:
                n = fn()
            times.append(m.seconds)
            rows = costs(m, "imap.in") | {"own memory over rest": f"{(w.most - w.rest) / 1024:.1f}MB"}
        table.row(f"{len(message) / 1e6:.0f} MB mail: {what}", times, yardstick=bare, bytes=n, **rows)


# ---- rates ----

def hammer(port, request, seconds, clients=8):
    """Requests per second of so many clients, each on a connection that stays."""
    def client(_):
        c = http.client.HTTPConnection("127.0.0.1", port)
        n, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            c.request(*request[:2], body=request[2], headers=request[3])
            r = c.getresponse()
            r.read()
            if r.status != 200:
                raise SystemExit(f"HTTP {r.status}")
            n += 1
        c.close()
        return n
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        began = time.monotonic()
        counts = list(pool.map(_hammer_process, [(port, request, seconds, clients // 2)] * 2))
        return sum(counts) / (time.monotonic() - began)


def _hammer_process(arguments):
    """Raw sockets and one loop: the clients must not be what is measured."""
    port, (method, path, body, headers), seconds, clients = arguments
    text = f"{method} {path} HTTP/1.1\r\nHost: b\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    raw = (text + f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    poll, sockets, got, n = select.epoll(), {}, {}, 0
    for _ in range(clients):
        c = socket.create_connection(("127.0.0.1", port))
        sockets[c.fileno()], got[c.fileno()] = c, b""
        poll.register(c, select.EPOLLIN)
        c.sendall(raw)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for fd, _ in poll.poll(1):
            data = got[fd] + sockets[fd].recv(65536)
            head, sep, rest = data.partition(b"\r\n\r\n")
            lower = head.lower()
            at = lower.find(b"content-length: ")
            if not sep or at < 0 or len(rest) < int(lower[at + 16:].split(b"\r", 1)[0]):
                got[fd] = data
                continue
            if b" 200 " not in head[:20]:
                raise SystemExit(head.decode())
            got[fd], n = b"", n + 1
            sockets[fd].sendall(raw)
    return n


@phase("rate", backends=("imap",))
def rate(s, options, table):
    """FolderSync with nothing new and OPTIONS, 8 clients at once, beside a FastCGI echo."""
    p, _ = ready_phone(s, "alice")
    body = wbxml.encode(("FolderHierarchy:FolderSync", [("FolderHierarchy:SyncKey", p.hierarchy_key)]))
    where = "/Microsoft-Server-ActiveSync"
    requests = {"FastCGI echo": ("GET", "/echo", b"", {}), "OPTIONS": ("OPTIONS", where, b"", p.headers()),
                "FolderSync": ("POST", where + "?" + p.query("FolderSync"), body, p.headers() | {"Content-Type": "application/vnd.ms-sync.wbxml"})}
    rates, rows = {k: [] for k in requests}, {}
    for _ in range(options.repeat):
        for what, request in requests.items():
            with s.measure() as m:
                rates[what].append(hammer(s.port, request, 5 * min(options.scale, 1)))
            rows[what] = costs(m)
    for what, values in rates.items():
        table.row(what, values, "1/s", rates["FastCGI echo"], **rows[what])


# ---- waiting ----

class Waiting:
    """Many pings on raw sockets."""

    def __init__(self, s):
        self.s, self.poll, self.sockets = s, select.epoll(), {}

    def start(self, p, folders, seconds=3500):
        body = wbxml.encode(p.ping_tree(folders, seconds))
        text = f"POST /Microsoft-Server-ActiveSync?{p.query('Ping')} HTTP/1.1\r\nHost: b\r\nContent-Type: application/vnd.ms-sync.wbxml\r\n"
        text += "".join(f"{k}: {v}\r\n" for k, v in p.headers().items())
        c = socket.create_connection(("127.0.0.1", self.s.port))
        c.sendall((text + f"Content-Length: {len(body)}\r\n\r\n").encode() + body)
        self.sockets[c.fileno()] = (c, p)
        self.poll.register(c, select.EPOLLIN)

    def answered(self, seconds):
        """Whoever is answered within so many seconds: {user: when}."""
        out, end = {}, time.monotonic() + seconds
        while time.monotonic() < end and self.sockets:
            for fd, _ in self.poll.poll(0.05):
                c, p = self.sockets.pop(fd)
                out.setdefault(p.user, time.monotonic())
                self.poll.unregister(c)
                c.close()
            yield out

    def hang_up(self):
        for c, _ in self.sockets.values():
            c.close()
        self.sockets = {}


def park(s, n_users, per_user, folder_types=(2,)):
    def prepare(i):
        out = []
        for k in range(per_user):
            p, inbox = ready_phone(s, f"u{i + 1}", f"PARK{i}X{k}")
            folders = [p.folder(type=t) for t in folder_types]
            for f in folders:
                p.all(f)
            out.append((p, folders))
        return out
    waiting, phones = Waiting(s), [x for user in in_parallel(prepare, range(n_users)) for x in user]
    return waiting, phones


def settled(s, n, watched):
    stats = {}

    def is_so():
        nonlocal stats
        stats = s.stats()
        return stats["parked.now"] == n and stats["watches.now"] == watched and stats["jobs.now"] == 0
    def logins():
        return sum(v for k, v in stats.items() if k.endswith((".call.login", ".call.watch")))
    while True:             # until nobody logs in or opens a watch any more
        wait_for(is_so, 900, 0.5)
        before = logins()
        time.sleep(5)
        if is_so() and logins() == before:
            return stats


def parked_at(s, options, table, phones, users, per_user, types=(2,)):
    before = {k: stack.memory(s.roots[k]) for k in ("cpush", "nginx")}
    waiting, ready = park(s, users, per_user, types)
    with_sessions = stack.memory(s.cpush.pid)
    first = ready[::per_user]
    for p, folders in first:
        waiting.start(p, folders)
    settled(s, users, users)
    one_each = {k: stack.memory(s.roots[k]) for k in ("cpush", "nginx")}
    for i, (p, folders) in enumerate(ready):
        if i % per_user:
            waiting.start(p, folders)
    settled(s, phones, users)
    all_of_them = {k: stack.memory(s.roots[k]) for k in ("cpush", "nginx")}
    more = phones - users
    table.note(f"cpush at rest {before['cpush'] / 1024:.1f} MB, after the first syncs {with_sessions / 1024:.1f} MB, "
               f"with {users} waiting {one_each['cpush'] / 1024:.1f} MB, with {phones} {all_of_them['cpush'] / 1024:.1f} MB (PSS)")
    if more:
        phone_kb = (all_of_them["cpush"] - one_each["cpush"]) / more
        table.row("cpush: a waiting phone more", [phone_kb], "kB")
        table.row("nginx: a waiting phone more", [(all_of_them["nginx"] - one_each["nginx"]) / more], "kB")
    table.row("cpush: per user, phones and watch and all", [(all_of_them["cpush"] - before["cpush"]) / users], "kB")
    return waiting


def rested(s):
    """kB of cpush once the sessions that served requests are closed, and what they had is given back to the system."""
    wait_for(lambda: s.stats()["sessions.now"] == 0, 300, 1)
    time.sleep(25)      # housekeeping comes every 20 s
    return stack.memory(s.cpush.pid)


def idle(s, table, seconds):
    with s.measure() as m:
        time.sleep(seconds)
    commands = {k: v for k, v in m.counts.items() if ".command." in k or ".request." in k or k.endswith("login")}
    table.row(f"idle for {seconds} s: CPU of cpush", [100 * m.cpu["cpush"] / m.seconds], "%core", statements=m.counts.get("store.statements", 0),
              rows=m.counts.get("store.rows", 0), jobs=m.counts.get("jobs", 0), sent=commands or "nothing")


def push(s, options, table, waiting):
    """A mail to one, beside what a bare IDLE hears."""
    port = int(s.parts["imap"].values["IMAP_PORT"])
    bare, times, told = [], [], set()
    for i in range(2 * options.repeat):
        user = next(p.user for _, p in waiting.sockets.values() if p.user not in told)
        told.add(user)          # the user's other phone may be answered only after this turn
        c = thin.bare_idle(port, user)
        s.new_mail(user, i)
        began, heard = time.monotonic(), None
        for answered in waiting.answered(60):
            if heard is None and select.select([c.s], [], [], 0)[0]:
                heard = time.monotonic()
            if user in answered and heard:
                break
        if not (heard and user in answered):
            table.note(f"not answered within 60 s: {user}")
            continue
        bare.append(heard - began)
        times.append(answered[user] - began)
        c.close()
    if times:
        table.row("bare IDLE hears of a mail", bare)
        table.row("Ping answered", times, yardstick=bare)
    return told


def burst(s, options, table, waiting, users, told):
    began = time.monotonic()
    wanted = sorted({p.user for _, p in waiting.sockets.values()} - told)[:users]
    for i, user in enumerate(wanted):
        s.new_mail(user, 1000 + i)
    delivered = time.monotonic() - began
    answered = {}
    for answered in waiting.answered(120):
        answered = {user: t for user, t in answered.items() if user in wanted}
        if len(answered) >= len(wanted):
            break
    values = sorted(t - began - delivered for t in answered.values())
    table.row(f"burst to {len(wanted)} users (written in {delivered:.2f} s)", values, answered=len(answered), slowest=f"{values[-1]:.2f}s")


def hang_up(s, table, waiting):
    open_before = s.stats()["parked.now"]
    began = time.monotonic()
    waiting.hang_up()
    wait_for(lambda: s.stats()["parked.now"] == 0, 60)
    table.row(f"all {open_before} hang up: parked is 0 after", [time.monotonic() - began])
    wait_for(lambda: s.stats()["watches.now"] == 0, 300, 1)


def parked(s, options, table, phones, types=(2,), do_push=True):
    users = phones // 2
    waiting = parked_at(s, options, table, phones, users, 2, types)
    idle(s, table, 60 if options.scale >= 0.4 else 10)
    waits = rested(s)
    if do_push:
        told = push(s, options, table, waiting)
        burst(s, options, table, waiting, min(500, users - len(told)), told)
    hang_up(s, table, waiting)
    ended = rested(s)
    table.row("all given back; cpush", [ended / 1024], "MB", waiting=f"{waits / 1024:.1f}MB")
    table.row("so a user who waits with 2 phones takes", [(waits - ended) / users], "kB")


@phase("parked", backends=("imap", "caldav", "carddav"), users=500)
def parked_1000(s, options, table):
    """1,000 phones of 500 users wait for mail, calendar and contacts; push, a burst, all hang up."""
    phones = scaled(options, 1000, 4)
    for i in range(phones // 2):
        s.fill_dav(f"u{i + 1}", 1, 1)
    parked(s, options, table, phones, (2, 8, 9))


@phase("parked-5000", backends=("imap",), users=2500, server="parked = 6000")
def parked_5000(s, options, table):
    """5,000 phones of 2,500 users wait for mail."""
    parked(s, options, table, scaled(options, 5000, 4))


@phase("parked-tls", backends=("imap",), users=200, tls=True)
def parked_tls(s, options, table):
    """400 phones of 200 users whose IMAP connections are TLS."""
    parked(s, options, table, scaled(options, 400, 4), do_push=False)


# ---- store ----

@phase("store", backends=("imap",), users=100)
def store_size(s, options, table):
    """The store with 100 users of 40,000 mails: its size per mail, and a Sync as before."""
    p, inbox = ready_phone(s, "alice")
    s.fill_mailbox("alice", 1000, 1000)
    p.all(inbox, window=512)

    def look():
        values = []
        for _ in range(10 * options.repeat):
            with s.measure() as m:
                p.once(inbox)
            values.append(m.seconds * 1000)
        return values, costs(m)
    before, _ = look()
    users, mails = scaled(options, 100), scaled(options, 40000)
    was = database_size(s)
    insert_rows(s, users, mails)
    grown = database_size(s) - was
    after, rows = look()
    table.row("the store, per mail", [grown / users / mails], "bytes", rows=users * mails, size=f"{grown / 1e6:.0f}MB")
    table.row("nothing new before", before, "ms")
    table.row("nothing new after", after, "ms", before, **rows)





def database_size(s):
    if s.store.kind == "sqlite":
        with contextlib.closing(__import__("sqlite3").connect(s.dir / "state.db")) as q:
            q.execute("pragma wal_checkpoint(truncate)")
        return (s.dir / "state.db").stat().st_size
    s.store.sql("flush tables item")
    return sum(f.stat().st_size for f in (s.dir / "mariadb").rglob("*.ibd"))


def insert_rows(s, users, mails):
    """As the mirror has them: keys are UIDs, versions of MODSEQ and flags."""
    import hashlib
    import sqlite3
    rows = [(f"1700000000.{m}", f"{1000 + m}.1") for m in range(mails)]
    hashes = [hashlib.sha256(k.encode()).digest() for k, _ in rows]
    if s.store.kind == "sqlite":
        q = sqlite3.connect(s.dir / "state.db", timeout=30)
        for u in range(users):
            q.executemany("insert into item (folder, bkey, hash, version, date, created_seq, seq) values (?, ?, ?, ?, ?, ?, ?)",
                          ((10 ** 6 + u, k.encode(), h, v.encode(), 1700000000 + m, m, m) for m, ((k, v), h) in enumerate(zip(rows, hashes))))
            q.commit()
        q.close()
        return
    client = s.store.client("--skip-reconnect")
    for u in range(users):
        for first in range(0, mails, 2000):
            values = ",".join(f"({10 ** 6 + u},'{k}',x'{h.hex()}','{v}',{1700000000 + first + m},{first + m},{first + m})"
                              for m, ((k, v), h) in enumerate(zip(rows[first:first + 2000], hashes[first:first + 2000])))
            client.stdin.write(f"insert into item (folder, bkey, hash, version, date, created_seq, seq) values {values};\n")
    client.stdin.close()
    client.wait()
    client.stdout.close()


@phase("small", backends=("imap", "caldav", "carddav"), users=100, wrap=("prlimit", "--as=805306368", "--data=268435456", "taskset", "-c", "0"))
def small(s, options, table):
    """A small board: one core and 256 MB of data for cpush; the usual work."""
    mails = scaled(options, 10000)
    s.fill_mailbox("u1", mails)
    s.fill_dav("u1", 500, 300)
    for module, place, names in (("caldav", "calendar", [f"e{i}.ics" for i in range(500)]), ("carddav", "contacts", [f"c{i}.vcf" for i in range(300)])):
        thin.bare_multiget(s.parts[module], "u1", place, names, 100)     # Radicale's own cache, once for all
    p, inbox = ready_phone(s, "u1")
    stack.reset_peak(s.cpush.pid)
    for what, folder, window in ((f"{mails} mails", inbox, 100), ("500 events", p.folder(type=8), 100), ("300 contacts", p.folder(type=9), 100)):
        with s.measure() as m:
            p.all(folder, window=window)
        table.row(f"first sync of {what}", [m.seconds], peak=f"{stack.peak(s.cpush.pid) / 1024:.0f}MB", **costs(m))
    parked(s, options, table, scaled(options, 200, 4))

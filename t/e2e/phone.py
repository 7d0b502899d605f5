"""A phone: what it would hold, and the requests that it makes. Talks HTTP to nginx with http.client."""
import base64
import http.client
import struct
import urllib.parse

import wbxml
from wbxml import children, find, text

COMMANDS = {"Sync": 0, "SendMail": 1, "SmartForward": 2, "SmartReply": 3, "GetAttachment": 4, "FolderSync": 9, "FolderCreate": 10,
            "FolderDelete": 11, "FolderUpdate": 12, "MoveItems": 13, "GetItemEstimate": 14, "Settings": 17, "Ping": 18,
            "ItemOperations": 19, "Provision": 20}
CLASSES = {2: "Email", 3: "Email", 4: "Email", 5: "Email", 6: "Email", 12: "Email", 8: "Calendar", 13: "Calendar", 9: "Contacts",
           14: "Contacts", 7: "Tasks", 15: "Tasks"}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def tree(self):
        return wbxml.decode(self.body) if self.body else None


class Folder:
    def __init__(self, id, parent, name, type):
        self.id, self.parent, self.name, self.type = id, parent, name, type
        self.key, self.items, self.more = "0", {}, False

    @property
    def cls(self):
        return CLASSES.get(self.type, "Email")


class Phone:
    """One device of one user. Items are kept as {ServerId: ApplicationData element}."""

    def __init__(self, port, user="alice", password="secret", version="14.1", device="PHONE1", type="iPhone", agent="Test/1.0",
                 coded=False):
        self.port, self.user, self.password, self.version = port, user, password, version
        self.device, self.type, self.agent, self.coded = device, type, agent, coded
        self.policy_key, self.hierarchy_key, self.folders, self.client_ids = None, "0", {}, 0
        self.window = 100

    # -- HTTP

    def headers(self):
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        h = {"Authorization": f"Basic {login}", "User-Agent": self.agent}
        if not self.coded:
            h["MS-ASProtocolVersion"] = self.version
            if self.policy_key is not None:
                h["X-MS-PolicyKey"] = str(self.policy_key)
        return h

    def query(self, command, **parameters):
        if not self.coded:
            fields = {"Cmd": command, "User": self.user, "DeviceId": self.device, "DeviceType": self.type, **parameters}
            return urllib.parse.urlencode(fields)
        key = b"" if self.policy_key is None else struct.pack("<I", self.policy_key)
        raw = struct.pack("<BBH", int(float(self.version) * 10 + 0.5), COMMANDS[command], 0x0409)
        for part in (self.device.encode(), key, self.type.encode()):
            raw += bytes([len(part)]) + part
        for tag, name in enumerate(["AttachmentName", "CollectionId", "", "ItemId", "LongId", "", "Occurrence"]):
            if name in parameters:
                raw += bytes([tag, len(parameters[name])]) + parameters[name].encode()
        if parameters.get("SaveInSent") == "T":
            raw += bytes([7, 1, 1])
        return base64.b64encode(raw).decode()

    def connect(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def send(self, command, body=b"", content_type="application/vnd.ms-sync.wbxml", headers=None, timeout=60, **parameters):
        """Starts a request; the connection is given back, to be read (or dropped) later."""
        connection = self.connect(timeout)
        h = self.headers() | ({"Content-Type": content_type} if body else {}) | (headers or {})
        connection.request("POST", "/Microsoft-Server-ActiveSync?" + self.query(command, **parameters), body=body, headers=h)
        return connection

    @staticmethod
    def receive(connection):
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        connection.close()
        return answer

    def post(self, command, tree=None, **more):
        return self.receive(self.send(command, wbxml.encode(tree) if tree else b"", **more))

    def post_raw(self, command, body, content_type, **more):
        return self.receive(self.send(command, body, content_type, **more))

    def options(self):
        connection = self.connect()
        connection.request("OPTIONS", "/Microsoft-Server-ActiveSync", headers=self.headers())
        return self.receive(connection)

    # -- setting up

    def provision(self):
        """Both phases. Returns the policy document, or None where there is no policy."""
        def policy(*more):
            return ("Provision:Provision", [("Provision:Policies", [("Provision:Policy", [
                ("Provision:PolicyType", "MS-EAS-Provisioning-WBXML"), *more])])])
        if self.policy_key is None:
            self.policy_key = 0
        tree = self.post("Provision", policy()).tree
        answer = find(tree, "Provision:Policies", "Provision:Policy")
        if text(answer, "Provision:Status") == "2":
            self.policy_key = None
            return None
        self.policy_key = int(text(answer, "Provision:PolicyKey"))
        document = find(answer, "Provision:Data", "Provision:EASProvisionDoc")
        tree = self.post("Provision", policy(("Provision:PolicyKey", str(self.policy_key)), ("Provision:Status", "1"))).tree
        answer = find(tree, "Provision:Policies", "Provision:Policy")
        self.policy_key = int(text(answer, "Provision:PolicyKey"))
        return document

    def folder_sync(self):
        tree = self.post("FolderSync", ("FolderHierarchy:FolderSync", [("FolderHierarchy:SyncKey", self.hierarchy_key)])).tree
        status = text(tree, "FolderHierarchy:Status")
        if status != "1":
            return status
        self.hierarchy_key = text(tree, "FolderHierarchy:SyncKey")
        for change in children(find(tree, "FolderHierarchy:Changes")):
            self.take_folder(change)
        return status

    def take_folder(self, change):
        kind = change[0].split(":")[1]
        id = text(change, "FolderHierarchy:ServerId")
        if kind == "Delete":
            del self.folders[id]
        elif kind in ("Add", "Update"):
            values = [text(change, f"FolderHierarchy:{n}") for n in ("ParentId", "DisplayName", "Type")]
            if kind == "Add":
                assert values[0] == "0" or values[0] in self.folders, "a folder comes before its parent"
                self.folders[id] = Folder(id, values[0], values[1], int(values[2]))
            else:
                f = self.folders[id]
                f.parent, f.name, f.type = values[0], values[1], int(values[2])

    def folder(self, type=None, name=None):
        return next(f for f in self.folders.values() if type in (None, f.type) and name in (None, f.name))

    def change_answer(self, command, **fields):
        page = "FolderHierarchy"
        return self.post(command, (f"{page}:{command}", [(f"{page}:SyncKey", self.hierarchy_key)]
                                   + [(f"{page}:{k}", v) for k, v in fields.items()]))

    def change_folder(self, command, **fields):
        page, tree = "FolderHierarchy", self.change_answer(command, **fields).tree
        if text(tree, f"{page}:Status") == "1":
            self.hierarchy_key = text(tree, f"{page}:SyncKey")
        return tree

    # -- Sync

    def client_id(self):
        self.client_ids += 1
        return f"{self.device}-{self.client_ids}"

    def options_of(self, folder, filter=0, body=None, truncation=None, mime=None):
        out = []
        if folder.cls in ("Email", "Calendar", "Tasks"):
            out.append(("AirSync:FilterType", str(filter)))
        if body is None:
            body = 1
        preference = [("AirSyncBase:Type", str(body))]
        if truncation is not None:
            preference.append(("AirSyncBase:TruncationSize", str(truncation)))
        if mime is not None:
            out.append(("AirSync:MIMESupport", str(mime)))
        out.append(("AirSyncBase:BodyPreference", preference))
        return ("AirSync:Options", out)

    def collection(self, folder, commands=(), window=None, options=None, changes=True, supported=None, key=None, moves=True):
        key = folder.key if key is None else key
        out = []
        if self.version == "12.1":
            out.append(("AirSync:Class", folder.cls))
        out += [("AirSync:SyncKey", key), ("AirSync:CollectionId", folder.id)]
        if key == "0" and supported is not None:
            out.append(("AirSync:Supported", [(t, None) for t in supported] or None))
        if key != "0":
            if not moves:
                out.append(("AirSync:DeletesAsMoves", "0"))
            out.append(("AirSync:GetChanges", "1" if changes else "0"))
            out.append(("AirSync:WindowSize", str(window or self.window)))
            out.append(options or self.options_of(folder))
            if commands:
                out.append(("AirSync:Commands", list(commands)))
        return ("AirSync:Collection", out)

    def sync_tree(self, *collections, more=()):
        return ("AirSync:Sync", [("AirSync:Collections", list(collections)), *more])

    def sync_once(self, folder, commands=(), **more):
        """One Sync of one folder; what comes is taken. Returns the Collection element of the answer, or None for an empty one."""
        answer = self.post("Sync", self.sync_tree(self.collection(folder, commands, **more)))
        assert answer.status == 200, f"HTTP {answer.status}"
        return self.take_sync(answer)

    def take_sync(self, answer):
        last = None
        if not answer.body:
            for f in self.folders.values():
                f.more = False
            return None
        for c in children(find(answer.tree, "AirSync:Collections")):
            self.take_collection(c)
            last = c
        if last is None:
            raise AssertionError("Sync failed: " + wbxml.to_xml(answer.tree))
        return last

    def take_collection(self, c):
        folder = self.folders[text(c, "AirSync:CollectionId")]
        if text(c, "AirSync:Status") != "1":
            return
        folder.key = text(c, "AirSync:SyncKey")
        folder.more = find(c, "AirSync:MoreAvailable") is not None
        for response in children(find(c, "AirSync:Responses"), "AirSync:Add"):      # what it is, added() says
            if text(response, "AirSync:Status") == "1":
                folder.items.setdefault(text(response, "AirSync:ServerId"), None)
        for command in children(find(c, "AirSync:Commands")):
            self.take_command(folder, command)

    @staticmethod
    def take_command(folder, command):
        kind, id = command[0].split(":")[1], text(command, "AirSync:ServerId")
        data = find(command, "AirSync:ApplicationData")
        if kind == "Add":
            assert id not in folder.items, f"Add of an item that the phone has: {id}"
            folder.items[id] = data
        elif kind == "Change":
            assert id in folder.items, f"Change of an item that the phone has not: {id}"
            if folder.cls == "Email":   # only what changed of it
                old = {k: v for k, v in children(folder.items[id]) and [(e[0], e) for e in children(folder.items[id])]}
                old.update({e[0]: e for e in children(data)})
                folder.items[id] = ("AirSync:ApplicationData", list(old.values()))
            else:
                folder.items[id] = data
        else:
            assert id in folder.items, f"{kind} of an item that the phone has not: {id}"
            del folder.items[id]

    def sync(self, folder, commands=(), **more):
        """First Sync where needed, the commands, and then until nothing is left. Returns the answer to the commands."""
        if folder.key == "0":
            self.sync_once(folder, supported=more.get("supported"))
        more.pop("supported", None)
        answer = self.sync_once(folder, commands, **more)
        for _ in range(2000):
            if not folder.more:
                return answer
            self.sync_once(folder, **more)
        raise AssertionError("MoreAvailable never ends")

    def add(self, folder, data, client_id=None):
        return ("AirSync:Add", [("AirSync:ClientId", client_id or self.client_id()), ("AirSync:ApplicationData", data)])

    @staticmethod
    def change(id, data):
        return ("AirSync:Change", [("AirSync:ServerId", id), ("AirSync:ApplicationData", data)])

    @staticmethod
    def delete(id):
        return ("AirSync:Delete", [("AirSync:ServerId", id)])

    def added(self, folder, answer, data):
        """Takes the Response to an Add: returns the ServerId."""
        response = find(answer, "AirSync:Responses", "AirSync:Add")
        assert text(response, "AirSync:Status") == "1", wbxml.to_xml(answer)
        id = text(response, "AirSync:ServerId")
        if folder.items[id] is None:    # else the same answer has changed it already
            folder.items[id] = ("AirSync:ApplicationData", data)
        return id

    # -- Ping

    def ping_tree(self, folders, seconds=60):
        return ("Ping:Ping", [("Ping:HeartbeatInterval", str(seconds)), ("Ping:Folders", [
            ("Ping:Folder", [("Ping:Id", f.id), ("Ping:Class", f.cls)]) for f in folders])])

    def ping(self, folders, seconds=60):
        return self.receive(self.start_ping(folders, seconds))

    def start_ping(self, folders, seconds=60):
        return self.send("Ping", wbxml.encode(self.ping_tree(folders, seconds)), timeout=seconds + 30)

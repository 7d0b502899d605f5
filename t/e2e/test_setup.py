"""Setting up an account: OPTIONS, policies, the folders."""
import signal
import unittest

import wbxml
from bench import Bench, wait_for
from case import VERSIONS, Case, bench, both
from phone import Folder, Phone
from wbxml import children, find, text


class Setup(Case):
    def test_options_names_versions_and_commands(self):
        answer = self.phone(folders=False).options()
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["MS-ASProtocolVersions"], "12.1,14.0,14.1,16.0,16.1")
        self.assertIn("FolderSync", answer.headers["MS-ASProtocolCommands"].split(","))

    def test_no_policy_by_default(self):
        for version in VERSIONS:
            with self.subTest(version):
                p = self.phone(version)
                self.assertIsNone(p.provision())
                self.assertEqual(p.folder_sync(), "1")

    def test_folders_have_their_types(self):
        for version in VERSIONS + ("14.0", "16.0"):
            with self.subTest(version):
                types = sorted(f.type for f in self.phone(version).folders.values() if f.type < 12)
                self.assertEqual(types, [2, 3, 4, 5, 6, 7, 8, 9])

    def test_coded_query(self):
        self.assertEqual(self.phone(coded=True, folders=False).folder_sync(), "1")

    def test_latin1_credentials_and_domain(self):
        p = self.phone(folders=False)
        p.user = f"DOMAIN\\{self.user}"
        self.assertEqual(p.folder_sync(), "1")

    def test_wrong_password_is_401_and_right_one_works_after(self):
        p = self.phone(folders=False)
        p.password = "wrong"
        for _ in range(3):
            answer = p.post("FolderSync", ("FolderHierarchy:FolderSync", [("FolderHierarchy:SyncKey", "0")]))
            self.assertEqual(answer.status, 401)
            self.assertIn("Basic", answer.headers["WWW-Authenticate"])
        p.password = "secret"
        self.assertEqual(p.folder_sync(), "1")

    def test_lost_folder_sync_answer_is_repeated(self):
        p = self.phone()
        before = dict(p.folders)
        p.folders, p.hierarchy_key = {}, "0"
        self.assertEqual(p.folder_sync(), "1")
        self.assertEqual(sorted(before), sorted(p.folders))

    def test_the_first_folder_sync_names_versions_and_commands(self):
        """MS-ASHTTP_R1104: so a phone that was set up before learns of another version."""
        p = self.phone(folders=False)
        offered, headers = p.options().headers, p.post("FolderSync", self.folder_sync_tree("0")).headers
        for name in ("MS-ASProtocolVersions", "MS-ASProtocolCommands"):
            self.assertEqual(headers[name], offered[name])
        self.assertEqual(headers["X-MS-RP"], offered["MS-ASProtocolVersions"])
        p.folder_sync()
        self.assertNotIn("X-MS-RP", p.post("FolderSync", self.folder_sync_tree(p.hierarchy_key)).headers)

    @staticmethod
    def folder_sync_tree(key):
        return ("FolderHierarchy:FolderSync", [("FolderHierarchy:SyncKey", key)])

    def test_folder_commands_that_name_no_folder_are_10(self):
        """MS-ASCMD_R4063"""
        p = self.phone()
        self.assertEqual(text(p.change_folder("FolderDelete"), "FolderHierarchy:Status"), "10")
        self.assertEqual(text(p.change_folder("FolderUpdate", ParentId="0", DisplayName="Any"), "FolderHierarchy:Status"), "10")

    def test_unknown_hierarchy_key_is_9(self):
        p = self.phone()
        p.hierarchy_key = "1234567890abcdef-7"
        self.assertEqual(p.folder_sync(), "9")

    def test_folder_made_renamed_and_deleted_on_the_phone(self):
        p = self.phone()
        tree = p.change_folder("FolderCreate", ParentId="0", DisplayName="Prüfung", Type="12")
        self.assertEqual(text(tree, "FolderHierarchy:Status"), "1")
        id = text(tree, "FolderHierarchy:ServerId")
        self.assertEqual(self.subjects("Pr&APw-fung"), [])
        tree = p.change_folder("FolderUpdate", ServerId=id, ParentId="0", DisplayName="Done")
        self.assertEqual(text(tree, "FolderHierarchy:Status"), "1")
        self.assertEqual(self.subjects("Done"), [])
        self.assertEqual(p.folder_sync(), "1")
        self.assertNotIn(id, p.folders, "its own folder came back as an Add")
        tree = p.change_folder("FolderDelete", ServerId=id)
        self.assertEqual(text(tree, "FolderHierarchy:Status"), "1")
        self.assertIsNone(self.subjects("Done"))

    def test_folder_with_folders_in_it_is_deleted(self):
        """IMAP keeps what stands in it: nobody asked for that to go, and the phone is told where it is now."""
        p, other = self.phone(), self.phone("16.1")
        outer = text(p.change_folder("FolderCreate", ParentId="0", DisplayName="Outer", Type="12"), "FolderHierarchy:ServerId")
        inner = text(p.change_folder("FolderCreate", ParentId=outer, DisplayName="Inner", Type="12"), "FolderHierarchy:ServerId")
        separator = self.imap.client(self.user).list()[1][0].decode().split('"')[1]
        self.deliver("Kept", folder=f"Outer{separator}Inner")
        self.assertEqual((p.folder_sync(), other.folder_sync()), ("1", "1"))
        for folder in (outer, inner):
            p.folders.setdefault(folder, Folder(folder, "0", "", 12))
        key = p.hierarchy_key
        self.assertEqual(text(p.change_folder("FolderDelete", ServerId=outer), "FolderHierarchy:Status"), "1")
        p.hierarchy_key = key       # the answer was lost
        self.assertEqual(text(p.change_folder("FolderDelete", ServerId=outer), "FolderHierarchy:Status"), "1")
        for phone in (p, other):
            self.assertEqual(phone.folder_sync(), "1")
            self.assertNotIn(inner, phone.folders)
            kept = next(f for f in phone.folders.values() if f.name.endswith("Inner"))  # below the top or an empty Outer: Dovecot's choice
            self.assertNotEqual(kept.parent, outer)
            phone.sync(kept)
            self.assertEqual([text(m, "Email:Subject") for m in kept.items.values()], ["Kept"])
        self.assertEqual(text(p.change_folder("FolderDelete", ServerId=outer), "FolderHierarchy:Status"), "4")

    def test_what_stands_in_a_renamed_folder_stays_known(self):
        """And what stands in another, whose name only begins so, too."""
        p = self.phone()
        made = {}
        for name, parent in (("Work", None), ("Inner", "Work"), ("Work2", None), ("Other", "Work2")):
            tree = p.change_folder("FolderCreate", ParentId=made.get(parent, "0"), DisplayName=name, Type="12")
            made[name] = text(tree, "FolderHierarchy:ServerId")
        separator = self.imap.client(self.user).list()[1][0].decode().split('"')[1]
        tree = p.change_folder("FolderUpdate", ServerId=made["Work"], ParentId="0", DisplayName="Job")
        self.assertEqual(text(tree, "FolderHierarchy:Status"), "1")
        for name, box in (("Inner", f"Job{separator}Inner"), ("Other", f"Work2{separator}Other")):
            self.deliver(f"In {name}", folder=box)
            folder = p.folders[made[name]] = Folder(made[name], "0", name, 12)
            p.sync(folder)
            self.assertEqual([text(m, "Email:Subject") for m in folder.items.values()], [f"In {name}"])

    def test_repeated_folder_create_gets_the_same_folder(self):
        p = self.phone()
        key = p.hierarchy_key
        first = text(p.change_folder("FolderCreate", ParentId="0", DisplayName="Once", Type="12"), "FolderHierarchy:ServerId")
        p.hierarchy_key = key
        tree = p.change_folder("FolderCreate", ParentId="0", DisplayName="Once", Type="12")
        self.assertEqual(text(tree, "FolderHierarchy:Status"), "1")
        self.assertEqual(text(tree, "FolderHierarchy:ServerId"), first)

    def test_settings(self):
        p = self.phone("14.1")
        tree = p.post("Settings", ("Settings:Settings", [
            ("Settings:DeviceInformation", [("Settings:Set", [("Settings:Model", "Phone 1"), ("Settings:OS", "Test 1")])]),
            ("Settings:UserInformation", [("Settings:Get", None)])])).tree
        self.assertEqual(text(tree, "Settings:Status"), "1")
        self.assertEqual(text(tree, "Settings:DeviceInformation", "Settings:Status"), "1")
        account = find(tree, "Settings:UserInformation", "Settings:Get", "Settings:Accounts", "Settings:Account")
        self.assertEqual(text(account, "Settings:EmailAddresses", "Settings:PrimarySmtpAddress"), f"{self.user}@example.org")


SetupMariaDB = both(Setup)


class Policy(Case):
    def setUp(self):
        super().setUp()
        self.bench = bench("sqlite", ("local",), extra="[policy]\nDevicePasswordEnabled = 1\nMinDevicePasswordLength = 6\n")
        self.bench.parts["local"].add_user(self.user)

    def test_two_phases(self):
        for version in VERSIONS:
            with self.subTest(version):
                p = self.phone(version, folders=False)
                answer = p.post("FolderSync", ("FolderHierarchy:FolderSync", [("FolderHierarchy:SyncKey", "0")]))
                if version == "12.1":
                    self.assertEqual(answer.status, 449)
                else:
                    self.assertEqual(text(answer.tree, "FolderHierarchy:Status"), "142")
                answer = p.post("Settings", ("Settings:Settings", [("Settings:DeviceInformation", [
                    ("Settings:Set", [("Settings:Model", "Phone 1")])])]))
                if version == "12.1":       # says who it is before it provisions
                    self.assertEqual(text(answer.tree, "Settings:DeviceInformation", "Settings:Status"), "1")
                else:
                    self.assertEqual(text(answer.tree, "Settings:Status"), "142")
                document = p.provision()
                self.assertEqual(text(document, "Provision:MinDevicePasswordLength"), "6")
                self.assertEqual(p.folder_sync(), "1")
                p.policy_key = 12345
                answer = p.post("FolderSync", ("FolderHierarchy:FolderSync", [("FolderHierarchy:SyncKey", p.hierarchy_key)]))
                if version == "12.1":
                    self.assertEqual(answer.status, 449)
                else:
                    self.assertEqual(text(answer.tree, "FolderHierarchy:Status"), "144")


class ChangedPolicy(Case):
    """[policy] comes while a phone waits: the wait ends, and the phone has to ask for it."""
    def find_bench(self):
        return self.own

    def setUp(self):
        self.own = Bench("sqlite", ("local",)).start()
        self.addCleanup(self.own.stop)
        super().setUp()

    def parked(self, p):
        before = self.bench.log_text().count(f"waits user={self.user}")
        connection = p.start_ping([p.folder(type=2)], 600)
        wait_for(lambda: self.bench.log_text().count(f"waits user={self.user}") > before)
        return connection

    def reload(self, policy):
        self.bench.extra = policy
        self.bench.write_config()
        self.bench.cpush.send_signal(signal.SIGHUP)

    def test_a_policy_comes_and_goes(self):
        p = self.phone()
        ping = self.parked(p)
        self.reload("[policy]\nDevicePasswordEnabled = 1\n")
        self.assertEqual(text(p.receive(ping).tree, "Ping:Status"), "7")
        self.assertEqual(p.folder_sync(), "142")
        self.assertEqual(text(p.provision(), "Provision:DevicePasswordEnabled"), "1")
        self.assertEqual(p.folder_sync(), "1")
        ping = self.parked(p)
        self.reload("")
        self.assertEqual(text(p.receive(ping).tree, "Ping:Status"), "7")
        self.assertEqual(p.folder_sync(), "143")
        self.assertEqual(text(p.provision(), "Provision:DevicePasswordEnabled"), "0")
        self.assertEqual(p.folder_sync(), "1")
        self.assertIsNone(p.provision())


if __name__ == "__main__":
    unittest.main()

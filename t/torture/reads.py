"""Reads in between: GetItemEstimate and ItemOperations Fetch."""
import wbxml
from wbxml import find, text
from yard import BROKEN

GONE = "6"      # [MS-ASCMD] 2.2.3.177.8
UNDATED = ("Calendar", "Tasks")  # whose dates are in their texts: what nobody has fetched yet is estimated to be inside


def read(phone):
    folder = phone.rng.choice(list(phone.synced.values()))
    if folder.items and phone.rng.random() < 0.5:
        return fetch(phone, folder, phone.rng.choice(sorted(folder.items)))
    return compare(phone, folder)


def compare(phone, folder):
    """What it says, and what then comes: the same if nothing else is under way, and if it could look."""
    said = estimate(phone, folder)
    if said is None or not phone.session.quiet() or BROKEN & set(phone.session.hurt):
        return False
    window, phone.window = phone.window, 500
    answered = phone.sync_some([folder])
    phone.window = window
    undated = folder.filter and folder.cls in UNDATED
    phone.refuse(answered and (folder.news > said if undated else folder.news != said),
                 f"{folder.name}: {said} were estimated, {folder.news} came")
    return answered


def estimate(phone, folder):
    """The number; None: not now."""
    filter = ("AirSync:FilterType", str(folder.filter))
    id, key = ("GetItemEstimate:CollectionId", folder.id), ("AirSync:SyncKey", folder.key)
    if phone.version == "12.1":
        fields = [("GetItemEstimate:Class", folder.cls), id, filter, key]
    else:
        fields = [key, id, ("AirSync:Options", [filter])]
    if folder.cls == "Contacts":
        fields = [f for f in fields if f not in (filter, ("AirSync:Options", [filter]))]
    phone.say(f"GetItemEstimate {folder.name} {folder.key}, filter {folder.filter}")
    answer = phone.exchange("GetItemEstimate", wbxml.encode(("GetItemEstimate:GetItemEstimate", [("GetItemEstimate:Collections", [
        ("GetItemEstimate:Collection", fields)])])))
    if answer is None:
        return None
    response = find(answer.tree, "GetItemEstimate:Response")
    status = text(response, "GetItemEstimate:Status") or text(answer.tree, "GetItemEstimate:Status")
    if status != "1":
        return phone.may_be(f"Estimate {status}", f"GetItemEstimate of {folder.name}")
    number = int(text(response, "GetItemEstimate:Collection", "GetItemEstimate:Estimate"))
    phone.say(f"  {number}")
    return number


def fetch(phone, folder, id):
    """The item as it is now, or GONE; None: not now."""
    phone.say(f"Fetch {id} of {folder.name}")
    answer = phone.exchange("ItemOperations", wbxml.encode(("ItemOperations:ItemOperations", [("ItemOperations:Fetch", [
        ("ItemOperations:Store", "Mailbox"), ("AirSync:CollectionId", folder.id), ("AirSync:ServerId", id),
        ("ItemOperations:Options", [("AirSyncBase:BodyPreference", [("AirSyncBase:Type", "1")])])])])))
    if answer is None:
        return None
    fetched = find(answer.tree, "ItemOperations:Response", "ItemOperations:Fetch")
    status = text(fetched, "ItemOperations:Status") or text(answer.tree, "ItemOperations:Status")
    phone.say(f"  {status}")
    if status == GONE:
        return GONE
    if status != "1":
        return phone.may_be(f"Fetch {status}", f"Fetch of {id}")
    kind = phone.kind(folder)
    now, token = kind.from_phone(find(fetched, "ItemOperations:Properties")), kind.from_phone(folder.items[id])[0]
    phone.refuse(now[0] != token, f"{folder.name}: {id} is {token}, and {now[0]} was fetched")
    return now


def insist(phone, ask):
    """What it gives at last."""
    answers = []
    phone.until(lambda: answers.append(ask()) or answers[-1] is not None)
    return answers[-1]


def nothing_left(phone):
    """Once all is said, nothing is estimated, and what the phone holds can be fetched as it holds it."""
    folder = phone.rng.choice(list(phone.synced.values()))
    number = insist(phone, lambda: estimate(phone, folder))
    phone.refuse(number, f"{folder.name}: {number} are estimated, and nothing comes")
    for id in phone.rng.sample(sorted(folder.items), min(2, len(folder.items))):
        now, held = insist(phone, lambda: fetch(phone, folder, id)), phone.kind(folder).from_phone(folder.items[id])
        phone.refuse(now != held, f"{folder.name}: the phone has {held}, and {now} is fetched")

"""Read by schemathesis (SCHEMATHESIS_HOOKS, set by tests/api-fuzz): leads its cases to things that exist.

Random ids end in 404 before any rule is looked at. So where a case's ids, versions or numbers are valid by their
shape, most are replaced by those of the demo's meeting: four out of five, by turns, hence the same for the same seed.
What schemathesis made wrong on purpose is never touched. Phones' routes get the cookie of a bound person.
"""
import functools
import hashlib
import itertools
import json
import os
import struct
import urllib.error
import urllib.request
import zlib

import schemathesis
from schemathesis.core import NotSet
from schemathesis.core.parameters import ParameterLocation

DEMO = json.loads(os.environ["KAIJIANG_FUZZ_DEMO"])
TOKEN = next(one["token"] for one in DEMO["staff"] if one["role"] == "owner")
TURNS = itertools.count()
KEYS = itertools.count()

SCENES = ["lobby", "checkin", "ready", "draw", "summary", "pause"]

# The members of a list under the meeting: the last part of the path before the parameter.
LISTS = {
    "prizes": None, "rounds": None, "people": "people", "budgets": None, "voucher-campaigns": None, "referrals": "referrals",
}


def call(method: str, path: str, body: object = None) -> object:
    """A request of our own as the owner; None when it was refused."""
    request = urllib.request.Request(DEMO["base"] + path, method=method, headers={
        "Authorization": f"Bearer {TOKEN}", "Idempotency-Key": f"hook-{next(KEYS)}", "Content-Type": "application/json",
    }, data=None if body is None else json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError:
        return None


def ends_meeting(path: str, method: str) -> bool:
    """Closes a meeting, or changes its settings so that draws take minutes: never that of the other cases."""
    return path.endswith("/close") or (path == "/api/meetings/{meeting}" and method == "PATCH")


def spare_meeting() -> str:
    """A meeting that may be closed or changed without an end to everything else."""
    made = call("POST", "/api/meetings", {"name": "备用"})
    return made["id"] if made else DEMO["meeting"]


def listed(meeting: str, kind: str) -> list:
    found = call("GET", f"/api/meetings/{meeting}/{kind}") or []
    return found[LISTS[kind]] if found and LISTS[kind] else found


def one_of(things: list, turn: int) -> object:
    return things[turn % len(things)] if things else None


def made_anew(meeting: str, kind: str, turn: int) -> object:
    """Something that may be removed: the others must not run out."""
    bodies = {
        "prizes": {"name": "纪念品", "kind": "goods", "goods": "书签"},
        "people": {"name": "来宾", "phone": f"139{turn % 10**8:08}"},
        "budgets": {"name": "备用金", "cap_fen": 100},
        "voucher-campaigns": {"name": "促销", "rules": {
            "amount": {"mode": "fixed", "fen": 100}, "per_person": 1000, "fields": [], "photos_min": 1, "photos_max": 9,
        }},
    }
    if kind == "rounds":
        prizes = [prize for prize in listed(meeting, "prizes") if prize["kind"] == "goods"]
        return prizes and call("POST", f"/api/meetings/{meeting}/rounds", {"prize_id": prizes[0]["id"], "seats": 1})
    return call("POST", f"/api/meetings/{meeting}/{kind}", bodies[kind]) if kind in bodies else None


def as_phone(path: str, body: object = None) -> object:
    """A request of the bound person; bytes are a piece of a photo. None when it was refused."""
    raw = isinstance(body, bytes)
    kind = "application/octet-stream" if raw else "application/json"
    data = body if raw or body is None else json.dumps(body).encode()
    request = urllib.request.Request(DEMO["base"] + path, method="PUT" if raw else None, data=data, headers={
        "Cookie": DEMO["cookie"], "Origin": DEMO["base"], "Content-Type": kind,
    })
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError:
        return None


def photo(seed: int) -> bytes:
    """A PNG of 16 × 16 pixels, another one for every seed."""
    part = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + struct.pack(">I", seed + y) * 12 for y in range(16))
    head = struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")


def a_voucher(meeting: str, turn: int, sent: bool) -> object:
    """A voucher of the bound person: one that waits for a reviewer, or a draft."""
    root = f"/api/meetings/{meeting}"
    mine = (as_phone(f"{root}/me/vouchers") or {}).get("vouchers", [])
    fit = [one for one in mine if (one["state"] == "waiting") == sent]
    if len(fit) > 2:
        return one_of(fit, turn)
    drafts = [one for one in mine if one["state"] == "draft"]
    campaign = made_anew(meeting, "voucher-campaigns", turn) if turn % 50 == 1 else None
    campaign = campaign or one_of(listed(meeting, "voucher-campaigns"), 0)
    body = campaign and {"campaign_id": campaign["id"], "fields": {"order_no": f"F{turn}"}}
    made = (drafts[0] if len(drafts) > 3 else as_phone(f"{root}/vouchers", body)) if body else one_of(drafts, 0)
    if made and sent:
        bytes_ = photo(turn)
        where = f"offset=0&size={len(bytes_)}&sha256={hashlib.sha256(bytes_).hexdigest()}"
        as_phone(f"{root}/vouchers/{made['id']}/photos/1?{where}", bytes_)
        as_phone(f"{root}/vouchers/{made['id']}/send", {})
    return made


def open_draw(meeting: str, turn: int) -> object:
    """The number of a draw that waits for randomness; commits one when there is none."""
    draws = call("GET", f"/api/meetings/{meeting}/draws") or []
    live = [draw["draw"] for draw in draws if draw["state"] in ("committed", "closed")]
    if live:
        return live[-1]
    made = made_anew(meeting, "rounds", turn)
    done = made and call("POST", f"/api/meetings/{meeting}/rounds/{made['id']}/commit", {})
    return done["draw"] if done else None


def drawn(meeting: str, turn: int) -> object:
    """The number of some draw, by turns."""
    draws = call("GET", f"/api/meetings/{meeting}/draws") or []
    draw = one_of(draws, turn)
    return draw["draw"] if draw else None


def real_values(path: str, method: str, turn: int) -> dict:
    """Path parameters of things that exist."""
    meeting = spare_meeting() if ends_meeting(path, method) else DEMO["meeting"]
    values = {"meeting": meeting}
    parts = path.split("/")
    if "{draw}" in parts:
        waiting = path.endswith(("/entropy", "/result", "/void"))
        values["draw"] = open_draw(meeting, turn) if waiting and turn % 2 else drawn(meeting, turn)
        if path.endswith("/redraw") and turn % 2:
            values["draw"] = DEMO["draw"]
        values["rank"] = 1 + turn % 5
    if "{bill_no}" in parts:
        packets = (call("GET", f"/api/meetings/{meeting}/packets") or {}).get("packets", [])
        packet = one_of(packets, turn)
        values["bill_no"] = packet["bill_no"] if packet else None
    for before, name in zip(parts, parts[1:]):
        if before == "vouchers" and name == "{id}":
            voucher = a_voucher(meeting, turn, method == "POST" and not path.endswith("/send"))
            values["id"] = voucher["id"] if voucher else None
        elif before in LISTS and name.startswith("{"):
            fresh = method in ("DELETE", "PATCH") or path.endswith(("/approve", "/commit"))
            thing = made_anew(meeting, before, turn) if fresh else one_of(listed(meeting, before), turn)
            values[name.strip("{}")] = thing["id"] if thing else None
        elif before == "imports" and name == "{id}":
            values["id"] = DEMO["import"]
    return {name: value for name, value in values.items() if value is not None}


def lead_body(case, values: dict, turn: int) -> None:
    """Versions, prizes, rounds and draws that a valid body names."""
    body = case.body
    if not isinstance(body, dict):
        return
    if "version" in body and case.method == "PATCH" and turn % 4:
        body["version"] = 1
    if "prize_id" in body:
        prize = one_of(listed(DEMO["meeting"], "prizes"), turn)
        body["prize_id"] = prize["id"] if prize else body["prize_id"]
        goods = prize and prize["kind"] == "goods"
        if turn % 3 and isinstance(body.get("award", {}), dict):
            body["award"] = {"mode": "none"} if goods else {"mode": "fixed", "fen": 100 + turn % 19_900}
    if case.path.endswith(("/accept", "/reject")) and values.get("id"):
        held = call("POST", f"/api/meetings/{DEMO['meeting']}/vouchers/{values['id']}/lock", {})
        body["version"] = held["voucher"]["version"] if held else body.get("version")
    if "campaign_id" in body:
        campaign = one_of(listed(DEMO["meeting"], "voucher-campaigns"), turn)
        body["campaign_id"] = campaign["id"] if campaign and turn % 4 else body["campaign_id"]
    if isinstance(body.get("rules"), dict):
        body["rules"]["budget_id"] = None
    if "round_id" in body and body["round_id"] is not None:
        found = one_of(listed(DEMO["meeting"], "rounds"), turn)
        body["round_id"] = found["id"] if found else body["round_id"]
    if "rehearsal_of" in body and body["rehearsal_of"] is not None and turn % 2:
        body["rehearsal_of"] = DEMO["meeting"]
    if body.get("phone") and turn % 3:
        body["phone"] = f"139{turn:08}"
    if isinstance(body.get("settings"), dict) and "min_level" in body["settings"]:
        body["settings"]["min_level"] = f"A{turn % 3}"
    if case.path.endswith("/scene"):
        body["name"] = SCENES[turn % len(SCENES)]
        body["draw"] = drawn(DEMO["meeting"], turn)
    if case.path.endswith("/show") and turn % 2:
        body["version"] = 1 + turn % 6
    if case.path.endswith("/screens") and turn % 2:
        made = call("POST", f"/api/meetings/{values['meeting']}/pairing")
        body["code"] = made["code"] if made else body["code"]
    if case.path.endswith("/redraw") and turn % 2:
        body["ranks"] = []
    if case.path.endswith("/me/tap"):
        body["draw"] = open_draw(DEMO["meeting"], turn) or body["draw"]
    if case.path.endswith("/entropy") and turn % 2:
        body["i"] = turn % 3
        if body.get("value") is not None:
            body["value"] = {"rolls": [turn % 10] * 12}


@functools.cache
def owner() -> str:
    """Whose token all cases carry."""
    return call("GET", "/api/session")["id"]


@schemathesis.hook
def before_call(context, case, kwargs):
    turn = next(TURNS)
    if case.path.startswith("/api/staff/{id}") and (case.path_parameters or {}).get("id") == owner():
        # Ids are learnt from answers, too: with this one the cases would lock themselves out.
        case.path_parameters["id"] = "somebody"
    wrong = lambda place: case.meta is not None and case.meta.is_negative_at(place)
    if "/me" in case.path and not wrong(ParameterLocation.COOKIE):
        # The person's cookie, beside the token: the server asks for an Origin only when there is no token.
        case.headers = {**(case.headers or {}), "Cookie": DEMO["cookie"]}
    if wrong(ParameterLocation.PATH) or turn % 5 == 4 and not ends_meeting(case.path, case.method.upper()):
        return
    values = real_values(case.path, case.method.upper(), turn)
    if case.path_parameters:
        case.path_parameters = {name: values.get(name, was) for name, was in case.path_parameters.items()}
    if not isinstance(case.body, NotSet) and not wrong(ParameterLocation.BODY):
        lead_body(case, values, turn)


def without_tuples(schema: object) -> None:
    """Schemathesis 4.32 rewrites `prefixItems` into a form that it then refuses: the same list, told less exactly."""
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else []:
        without_tuples(inner)
    if isinstance(schema, dict) and isinstance(parts := schema.get("prefixItems"), list):
        del schema["prefixItems"]
        schema |= {"items": {"anyOf": parts}, "minItems": len(parts), "maxItems": len(parts)}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    without_tuples(raw_schema)

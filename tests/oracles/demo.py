"""The whole demo's receipts, counted again by `receipts.py` and compared with its conversions. Ends in `N passed, N failed`."""

import copy
import subprocess
import sys
import tempfile

from life.loyalty import names
from network import Server, checked_exports
from receipts import PARTIES, minor, recompute


def differs(receipt, conversion, boosts=None):
    """What a receipt says wrong, by itself or beside its conversion; none if it says all of it right."""
    try:
        sold, refunded, due, parts = recompute(receipt, boosts)
    except AssertionError as error:
        return f"{receipt['conversion']}: {error}"
    said = [minor(conversion[name]) for name in ("amount", "refunded", "commission")]
    said += [minor(conversion["shares"][party]) for party in PARTIES] + [minor(credit["amount"]) for credit in conversion["credits"]]
    wanted = [sold, refunded, sum(due), *due, *(parts or [0] * len(conversion["credits"]))]
    return None if said == wanted else f"{receipt['conversion']}: the conversion says {said}, counted are {wanted}"


def amounts(value, path=()):
    """Where amounts stand in a receipt."""
    if isinstance(value, dict) and set(value) == {"amount", "currency"}:
        yield path
    elif isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from amounts(inner, (*path, key))


def altered(receipt, path):
    """The receipt with one minor unit more in one place."""
    other = copy.deepcopy(receipt)
    money = other
    for key in path:
        money = money[key]
    digits = money["amount"].replace(".", "")
    more = str(int(digits) + 1).zfill(len(digits))
    decimals = len(money["amount"].partition(".")[2])
    money["amount"] = f"{more[:-decimals]}.{more[-decimals:]}" if decimals else more
    return other


# A cent more leads to the same tier, but for one that it just reaches.
BESIDE = {"base", "tier_base", "from"}


def explains_nothing(receipt, path):
    """Whether nothing that is due hangs on the amount: a refund that is refused or more than there was to refund, a limit that is not reached."""
    whole, name = receipt, path[-1]
    for key in path[:-1]:
        whole = whole[key]
    refund = "refunds" in path and (receipt["sale"]["refunds"][path[2]]["refused"] or "over_refunded" in receipt["flags"])
    beyond = name == "cap_per_order" and not whole["capped"] or name == "cap" and minor(whole["cap"]) >= minor(whole["wanted"])
    # Of several adjustments only the last is told.
    room = name == "largest" and receipt["sale"]["adjusted_from"]
    return refund or beyond or room or not BESIDE.isdisjoint(path)


def boosts_of(server):
    """By program and version of terms: what they promise, by its name; with the vouchers that were made."""
    found = {}
    for program in server.pages("/programs"):
        made = {}
        for batch in server.pages(f"/programs/{program['id']}/vouchers"):
            made[batch["id"]] = batch | {"kind": "voucher", "flat": batch["flat"] and batch["flat"]["amount"]}
        for version in server.api("GET", f"/programs/{program['id']}/terms")["data"]:
            boosts = version["terms"].get("boosts", [])
            found[program["id"], version["version"]] = made | dict(zip(names(boosts), boosts))
    return found


def main():
    program, wrong, slips, tried = sys.argv[1], [], [], 0
    with tempfile.TemporaryDirectory() as folder:
        make = [program, "demo", "--only-make", "--database", f"sqlite://{folder}/oracle.db", "--spool-dir", f"{folder}/spool"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
        server = Server(program, folder)
        try:
            conversions = server.pages("/conversions")
            promises = boosts_of(server)
            for number, conversion in enumerate(conversions):
                receipt = server.api("GET", f"/conversions/{conversion['id']}/receipt")
                boosts = promises[conversion["program"], conversion["terms_version"]]
                difference = differs(receipt, conversion, boosts)
                if difference:
                    # A job may have come between the list and the receipt.
                    path = f"/conversions/{conversion['id']}"
                    conversion, receipt = server.api("GET", path), server.api("GET", f"{path}/receipt")
                    difference = differs(receipt, conversion, boosts)
                wrong += [difference] if difference else []
                # A wrong cent must be seen, wherever it stands: tried on every tenth.
                for path in amounts(receipt) if number % 10 == 0 and not difference else ():
                    if not explains_nothing(receipt, path):
                        tried += 1
                        slips += [f"{receipt['conversion']}: {path}"] if not differs(altered(receipt, path), conversion, boosts) else []
            unread = checked_exports(server, folder, {"EUR", "GBP", "JPY"})
            verified = subprocess.run([program, "verify"], env=server.env, check=False, capture_output=True, text=True)
        finally:
            server.stop()
    results = [
        (f"{len(conversions)} receipts, counted again", wrong or [] if len(conversions) >= 2_000 else ["too few"]),
        (f"{tried} wrong cents in receipts, each seen", slips or [] if tried > 1_000 else ["too few"]),
        ("hledger and bean-check take the ledger", unread),
        ("verify finds nothing wrong", [verified.stdout + verified.stderr] if verified.returncode else []),
    ]
    for name, differences in results:
        print(f"{'ok' if not differences else 'FAILED'}: {name}", *differences[:20], sep="\n    ")
    failed = sum(bool(differences) for _, differences in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

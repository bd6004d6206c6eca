"""A check that cannot fail is worth nothing: one rule read wrongly, or one cent more in the database, must be seen."""

import shutil
import sqlite3
import subprocess
from contextlib import contextmanager
from fractions import Fraction

from life import journals, rules
from life.stage import Stage

# Orders that every wrong rule is tried on.
ENOUGH = 4_000


def without(rule, name):
    return {key: value for key, value in rule.items() if key != name}


def to_the_later(total, weights):
    return largest_remainder(total, weights[::-1])[::-1]


def gifts_up(total, split, credits):
    parts, buyer, platform = share(total, split, credits)
    more = [min(part, 1) if generosity else 0 for part, (_, generosity) in zip(parts, credits)]
    return [part - gift for part, gift in zip(parts, more)], buyer + sum(more), platform


def rounded_rate(terms, sale, *rest):
    return commission(terms, sale | {"factor": Fraction(round(sale["factor"] * 1_000), 1_000)}, *rest)


largest_remainder, share = rules.money.largest_remainder, rules.money.share
commission, pays, fits, due, left = rules.commission, rules.pays, rules.fits, rules.due, rules.left
WRONG = {
    "commissions rounded down": (rules.money, "half_up", lambda exact: exact.numerator // exact.denominator),
    "ties to the later": (rules.money, "largest_remainder", to_the_later),
    "gifts rounded up": (rules.money, "share", gifts_up),
    "rates of three decimals": (rules, "commission", rounded_rate),
    "no cap": (rules, "pays", lambda rule, *rest: pays(without(rule, "cap"), *rest)),
    "tiers from nothing": (rules, "pays", lambda rule, amount, quantity, sale: pays(rule, amount, quantity, sale | {"tier_base": 0})),
    "no minimum": (rules, "fits", lambda when, *rest: fits(without(when, "min_amount"), *rest)),
    "coupons compared with their case": (rules, "fits", lambda when, line, sale, whole: fits(when, line, sale | {"coupon": (sale["coupon"] or "").swapcase() if "coupon" in when and (sale["coupon"] or "").isupper() else sale["coupon"] and "no"}, whole)),
    "unclaimed shares kept": (rules, "due", lambda *rest: due(*rest[:-1], False)),
    "quantities kept": (rules, "left", lambda lines, *rest: (lambda found: (found[0], [line["quantity"] for line in lines], found[2]))(left(lines, *rest))),
}  # fmt: skip


@contextmanager
def read_wrongly(world, place, name, wrong):
    """One rule is another for a while."""
    right = getattr(place, name)
    setattr(place, name, wrong)
    try:
        forget(world)
        yield
    finally:
        setattr(place, name, right)
        forget(world)


def forget(world):
    for order in world.orders.values():
        order["due"] = None


def wrong_rules(life, rows):
    """The wrong rules that nobody would notice."""
    unseen = []
    for what, wrong in WRONG.items():
        with read_wrongly(life.world, *wrong):
            unseen += [] if life.conversions(rows[:ENOUGH]) else [what]
    return unseen


def wrong_cents(stage, life, folder):
    """A database with a cent more in a balance, and one with a cent more in a posting: what of that stays unseen."""
    # No clock may go back: the copies live later, and their jobs do what is due then.
    life.world.now = at = stage.at + 10 * rules.MINUTE
    life.world.clock()
    unseen, due = [], life.world.balances()
    for table in ("balance", "posting"):
        shutil.copy(f"{folder}/life.db", f"{folder}/{table}.db")
        with sqlite3.connect(f"{folder}/{table}.db") as copy:
            key = "account, currency" if table == "balance" else "entry, line"
            copy.execute(f"UPDATE {table} SET amount = amount + 1 WHERE ({key}) IN (SELECT {key} FROM {table} WHERE amount > 1 LIMIT 1)")
        other = Stage(stage.program, f"{folder}/{table}", f"sqlite://{folder}/{table}.db", at)
        try:
            life.stage = other
            said = life.balances() if table == "balance" else journals.from_csv(other.run("export", "ledger", "--format", "csv"))
            wrong = [key for key in due | said if due.get(key, 0) != said.get(key, 0)]
            unseen += [] if len(wrong) == 1 else [f"{table}: {wrong}"]
            try:
                unseen += [f"{table}: {other.run('verify')}"]
            except subprocess.CalledProcessError as error:
                unseen += [] if error.returncode == 1 else [f"{table}: {error}"]
        finally:
            life.stage = stage
            other.stop()
    return unseen

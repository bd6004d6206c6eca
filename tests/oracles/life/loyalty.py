"""Bonuses that hang on orders: for coming back, first orders, friends brought, codes, vouchers and tiers; out of budgets and quotas that stop
at zero."""

from collections import defaultdict
from fractions import Fraction

from life import rules
from life.rules import DAY, money

APPROVED = ("approved", "payable", "paid")
NO_LIMIT = 1 << 60


def faded(boost, days):
    """How much of a boost is left so many whole days after the last order."""
    whole, zero = boost["within_days"], boost["fades_to_zero_at_days"]
    return Fraction(1) if days <= whole else Fraction(max(zero - days, 0), zero - whole)


def codes_of(boost):
    return boost["code"] if isinstance(boost["code"], list) else [boost["code"]]


def names(boosts):
    """Under which names boosts are counted: their kind, and a code; the second of a name is another."""
    found = []
    for boost in boosts:
        plain = f"code:{codes_of(boost)[0].lower()}" if boost["kind"] == "code" else boost["kind"]
        count = sum(name.split("#")[0] == plain for name in found)
        found.append(f"{plain}#{count + 1}" if count else plain)
    return found


def reward(boost, share, currency):
    return rules.minor(boost["flat"], currency) if "flat" in boost else share * Fraction(boost["percent_of_buyer_share"]) / 100


def used(order, boost):
    """The order's coupon, if it is one of the boost's codes and in its time."""
    coupon, codes = (order["coupon"] or "").lower(), codes_of(boost)
    in_time = boost.get("since", 0) <= order["occurred"] < boost.get("until", NO_LIMIT)
    return coupon if in_time and coupon in [code.lower() for code in codes] else None


class Loyalty:
    def __init__(self, world):
        self.world = world
        self.pots = defaultdict(dict)  # by what runs out: what each order holds of it
        self.held = defaultdict(set)  # by order: the pots that it holds something of
        self.of_buyer = defaultdict(list)
        self.vouchers = {}  # made at random: by program and code in lower case

    def look_up(self, order):
        """Once, when the buyer is known: the last order, the bases of tiers, a voucher."""
        before = [other for other in self.of_buyer[order["buyer"]]
                  if (other["program"], other["type"]) == (order["program"], order["type"]) and other["buyer"] == order["buyer"] and other is not order
                  and other["credits"] and not other["rejected"] and other["occurred"] <= order["occurred"]]  # fmt: skip
        last = max((other["occurred"] for other in before), default=None)
        voucher = self.vouchers.get((order["program"], (order["coupon"] or "").lower()))
        found = {"buyer": order["buyer"], "coupon": order["coupon"], "days": None if last is None else (order["occurred"] - last) // DAY,
                 "bases": {}, "caps": {}, "voucher": voucher}  # fmt: skip
        for boost in order["terms"].get("boosts", []):
            if boost["kind"] == "tier":
                counted = [other for other in self.of_buyer[order["buyer"]] if other["program"] in boost["programs"] and other["buyer"] == order["buyer"]
                           and other is not order and self.world.status(other) in APPROVED]  # fmt: skip
                found["bases"]["tier"] = sum(money.half_up(sum(self.world.due(other)["amounts"]) * other["factor"]) for other in counted)
        if not any(other is order for other in self.of_buyer[order["buyer"]]):
            self.of_buyer[order["buyer"]].append(order)
        return found

    def wanted(self, order, boost, found, name):
        """What a boost would pay, exactly: a list of parts, each with its name and its buyer; and the pots of one use beside its own."""
        due, currency, kind, buyer = self.world.due(order), order["currency"], boost["kind"], order["buyer"]
        share = Fraction(due["buyer"])
        if kind == "return":
            part = Fraction(boost["percent_of_buyer_share"]) / 100
            return [(name, buyer, share * part * faded(boost, found["days"]) if found["days"] is not None else 0)], []
        if kind == "tier":
            reached = [tier for tier in boost["tiers"] if rules.minor(tier["from"], currency) <= found["bases"]["tier"]]
            return [(name, buyer, share * Fraction(reached[-1]["percent_of_buyer_share"]) / 100)], []
        if kind in ("code", "voucher"):
            code = used(order, boost)
            once = [("used", order["program"], code)] if code and kind == "voucher" else []
            return [(name, buyer, reward(boost, share, currency) if code else 0)], once
        # What was sold counts, so that a part refund takes nothing of it away.
        least = rules.minor(boost.get("min_amount", "0"), currency)
        if self.world.status(order) not in APPROVED or money.half_up(sum(order["sold"]) * order["factor"]) < least:
            return [], []
        if kind == "welcome":
            return [(name, buyer, rules.minor(boost["flat"], currency))], [("welcome", buyer)]
        by = self.world.buyers[buyer]["referred_by"]
        sides = [(name, buyer, "friend"), (f"{name}/referrer", by, "referrer")] if by else []
        return [(part, to, rules.minor(boost[side], currency)) for part, to, side in sides], [("friend", buyer)]

    def refresh(self, order):
        """What the order pays now, as funder, buyer and amount; what it takes of budgets, or gives back."""
        boosts = order["terms"].get("boosts", [])
        for pot in self.held.pop(order["key"], ()):
            del self.pots[pot][order["key"]]
        made = self.vouchers.get((order["program"], (order["coupon"] or "").lower()))
        if not (boosts or made or order["loyalty"]) or not order["buyer"] or not order["credits"] or order["rejected"]:
            return []
        found = order["loyalty"]
        if not found or (found["buyer"], found["coupon"]) != (order["buyer"], order["coupon"]):
            order["loyalty"] = found = self.look_up(order)
        # Nothing is left of it: nothing hangs on it.
        if sum(self.world.due(order)["amounts"]) == 0 and not order["content"]["amount"] == order["amount"] == 0:
            return []
        offers = list(zip(names(boosts), boosts))
        limits = dict(offers)
        if found["voucher"]:
            name = found["voucher"]["name"]
            offers.append((name, found["voucher"] | {key: limits[name][key] for key in ("budget", "quota") if key in limits.get(name, {})}))
        paid = []
        for name, boost in offers:
            parts, once = self.wanted(order, boost, found, name)
            stored = boost is not limits.get(name)
            paid += [(boost["funded_by"], *part) for part in self.take(order, boost, name, parts, once, found["caps"], "/stored" if stored else "")]
        return paid

    def take(self, order, boost, name, parts, once, caps, kind):
        """As much of it as there is, for one part after the other. What was once refused stays refused."""
        own, key = (order["program"], name), order["key"]
        left = NO_LIMIT
        if "budget" in boost:
            left = max(rules.minor(boost["budget"], order["currency"]) - sum(self.pots[own].values()), 0)
        quotas = [(pot, 1) for pot in once] + ([(own, boost["quota"])] if "quota" in boost else [])
        if any(len(self.pots[pot]) >= quota for pot, quota in quotas):
            left = 0
        given = []
        for part, buyer, exact in parts:
            wanted = min(money.half_up(Fraction(exact)), caps.get(part + kind, NO_LIMIT))
            amount = min(wanted, left)
            if amount < wanted:
                caps[part + kind] = amount
            left -= amount
            given += [(buyer, amount)] if amount else []
        for pot in [own, *once] if given else []:
            self.pots[pot][key] = sum(amount for _, amount in given)
            self.held[key].add(pot)
        return given

"""Bonuses that hang on orders: for coming back, first orders, codes and tiers; out of budgets and quotas that stop at zero."""

from collections import defaultdict
from fractions import Fraction

from life import rules
from life.rules import DAY, money

APPROVED = ("approved", "payable", "paid")


def faded(boost, days):
    """How much of a boost is left so many whole days after the last order."""
    whole, zero = boost["within_days"], boost["fades_to_zero_at_days"]
    return Fraction(1) if days <= whole else Fraction(max(zero - days, 0), zero - whole)


class Loyalty:
    def __init__(self, world):
        self.world = world
        self.pots = defaultdict(dict)  # by what runs out: what each order holds of it
        self.of_buyer = defaultdict(list)

    def look_up(self, order):
        """Once, when the buyer is known: the last order, the bases of tiers."""
        before = [other for other in self.of_buyer[order["buyer"]]
                  if (other["program"], other["type"]) == (order["program"], order["type"]) and other["buyer"] == order["buyer"]
                  and not other["rejected"] and other["occurred"] <= order["occurred"]]  # fmt: skip
        last = max((other["occurred"] for other in before), default=None)
        found = {"days": None if last is None else (order["occurred"] - last) // DAY, "bases": {}, "caps": {}}
        for boost in order["terms"].get("boosts", []):
            if boost["kind"] == "tier":
                counted = [other for other in self.of_buyer[order["buyer"]] if other["program"] in boost["programs"]
                           and self.world.status(other) in APPROVED]  # fmt: skip
                found["bases"]["tier"] = sum(money.half_up(sum(self.world.due(other)["amounts"]) * other["factor"]) for other in counted)
        self.of_buyer[order["buyer"]].append(order)
        return found

    def wanted(self, order, boost, found):
        """What a boost would pay, exactly, and under which name it is counted."""
        due, currency, kind = self.world.due(order), order["currency"], boost["kind"]
        share = Fraction(due["buyer"])
        if kind == "return":
            part = Fraction(boost["percent_of_buyer_share"]) / 100
            return "return", share * part * faded(boost, found["days"]) if found["days"] is not None else 0
        if kind == "tier":
            reached = [tier for tier in boost["tiers"] if rules.minor(tier["from"], currency) <= found["bases"]["tier"]]
            return "tier", share * Fraction(reached[-1]["percent_of_buyer_share"]) / 100
        if kind == "code":
            name = f"code:{boost['code'].lower()}"
            if (order["coupon"] or "").lower() != boost["code"].lower():
                return name, 0
            return name, rules.minor(boost["flat"], currency) if "flat" in boost else share * Fraction(boost["percent_of_buyer_share"]) / 100
        # What was sold counts, so that a part refund takes nothing of it away.
        sold = rules.due(order["terms"], order, order["sold"], [], order["credits"], order["expired"])["amounts"]
        least = rules.minor(boost.get("min_amount", "0"), currency)
        if self.world.status(order) not in APPROVED or money.half_up(sum(sold) * order["factor"]) < least:
            return "welcome", 0
        return "welcome", rules.minor(boost["flat"], currency)

    def refresh(self, order):
        """What the order pays now; what it takes of budgets, or gives back."""
        boosts = order["terms"].get("boosts", [])
        if not boosts or not order["buyer"] or not order["credits"]:
            return []
        order["loyalty"] = found = order["loyalty"] or self.look_up(order)
        alive = not order["rejected"] and (sum(self.world.due(order)["amounts"]) > 0 or order["content"]["amount"] == order["amount"] == 0)
        paid = []
        for boost in boosts:
            name, exact = self.wanted(order, boost, found) if alive else (None, 0)
            name = name or (f"code:{boost['code'].lower()}" if boost["kind"] == "code" else boost["kind"])
            amount = min(money.half_up(Fraction(exact)), found["caps"].get(name, 1 << 60))
            given = self.take(order, boost, name, amount)
            if given < amount:
                found["caps"][name] = given
            paid += [(boost["funded_by"], given)] if given else []
        return paid

    def take(self, order, boost, name, amount):
        """As much of it as there is."""
        pots = [(self.pots[order["program"], name], boost.get("budget"), boost.get("quota"))]
        if name == "welcome":
            pots.append((self.pots["first", order["buyer"]], None, 1))
        for pot, budget, quota in pots:
            pot.pop(order["key"], None)
            if budget is not None:
                amount = min(amount, max(rules.minor(budget, order["currency"]) - sum(pot.values()), 0))
            if quota is not None and len(pot) >= quota:
                amount = 0
        for pot, _, _ in pots:
            if amount:
                pot[order["key"]] = amount
        return amount

"""Claims of missing cashback: which the rules take, what they give an order, and where each stands. A claim is a fact of its order, so it may
come before the sale."""

from collections import defaultdict

from life import rules
from life.rules import DAY, MINUTE

ANSWER_DAYS, OPEN_MAX, AGE_MAX = 30, 10, 366 * DAY
# Whether two buyers may claim one order, one claim what another's sign-in gets, and a publisher what the terms refuse them.
COMPETING_CLAIMS = True
OPEN = ("waiting", "escalated")
# The order is the buyer's, found or by the shop's word.
HELD = ("matched", "accepted")
NEVER = float("inf")


class Claims:
    def __init__(self, world):
        self.world = world
        self.of, self.of_order, self.of_buyer = {}, defaultdict(list), defaultdict(list)

    # Made

    def own(self, buyer, program):
        """The names of a buyer's clicks: made while they were known, or tied to them; what a page embedded is none."""
        mine = lambda click: click["buyer"] == buyer or bool(click["tied"]) and click["tied"][1] == buyer
        fits = lambda click: click["program"] == program and click["quality"] != "embedded"
        return {name for name, click in self.world.clicks.items() if fits(click) and mine(click)}

    def make(self, buyer, key, ordered=None):
        """The answers that are right, and the claim."""
        claim, order = self.of.get((buyer, key)), self.world.orders.get(key)
        if claim:
            return [(200, claim["state"])], claim
        refused = self.refusals(buyer, key, order, ordered)
        if refused:
            return refused, None
        claim = {"buyer": buyer, "key": key, "at": self.world.moment(), "n": self.world.tick(), "ordered": ordered, "clicks": self.own(buyer, key[0]),
                 "gifts": {}, "known": {}, "state": "waiting", "reason": None, "closed": False, "goodwill": None}  # fmt: skip
        self.know(claim, claim["clicks"])
        self.of[buyer, key] = claim
        self.of_order[key].append(claim)
        self.of_buyer[buyer].append(claim)
        self.ask(key)
        return [(201, claim["state"])], claim

    def refusals(self, buyer, key, order, ordered):
        """Everything that speaks against a claim. An unsigned sale, which anybody may send, does not."""
        now, refused = self.world.now, []
        placed = order["occurred"] if order else self.world.waiting[key][2] if key in self.world.waiting else ordered
        if ordered and ordered > now + 5 * MINUTE:
            refused.append((422, "occurred_in_future"))
        if placed and now - placed > AGE_MAX:
            refused.append((422, "claim_too_old"))
        if order and order["signed"] and order["credits"]:
            if order["buyer"] not in (None, buyer):
                refused.append((409, "order_already_claimed"))
            if not order["buyer"] and (order["expired"] or now >= self.world.claimed_until(order)):
                refused.append((409, "claim_window_closed"))
        if sum(claim["state"] in OPEN for claim in self.of_buyer[buyer]) >= OPEN_MAX:
            refused.append((409, "too_many_claims"))
        return refused

    def know(self, claim, names):
        """A visit's generosity is looked up when the claim gets to know it, as a sale's when it first names a click."""
        order = self.world.orders.get(claim["key"], {"gifts": {}})
        for publisher, name in ((self.world.clicks[name]["publisher"], name) for name in names):
            claim["gifts"][name] = order["gifts"].get(publisher, self.world.publishers[publisher]["generosity"])

    # What it gives

    def visits(self, order):
        """The open claims of an order that a visit proves, by when they were made and such a visit was known: each with the newest of the
        buyer's own clicks that lies in the window."""
        window, proven = order["terms"].get("attribution", {}).get("window_days", 30), []
        one = lambda name: rules.judge_touches(self.world.clicks, [name], order["program"], order["occurred"], window)[0]
        for claim in self.of_order.get(order["key"], ()):
            touches = [(click["at"], click["n"], name) for name in claim["clicks"] for click in one(name)]
            if touches and not claim["closed"]:
                made = (claim["n"], claim["at"])
                known = min(claim["known"].get(name, made) for _, _, name in touches)
                proven.append((max(made, known), claim["n"], claim, max(touches)[2]))
        return [(since, claim, name) for since, _, claim, name in sorted(proven, key=lambda one: one[:2])]

    def first(self, order):
        """The earliest claim of an order that nobody else is credited for."""
        for _, claim, name in self.visits(order):
            if not self.world.refuses(order["terms"], claim["buyer"], [self.world.clicks[name]]):
                return claim
        return None

    def give(self, order):
        """The earliest claim that fits makes an order theirs, if no click and no earlier sign-in has; and its publisher's where nobody else
        is credited."""
        tied = order["tie"] if order["buyer"] else NEVER
        if order["expired"] or tied is None:
            return
        for since, claim, name in self.visits(order):
            if since[0] < tied and (not order["credits"] or since[1] < self.world.claimed_until(order)):
                visit = self.world.clicks[name]
                credits = order["credits"] or [{"publisher": visit["publisher"], "click": visit, "weight": 1, "generosity": claim["gifts"][name]}]
                if not self.world.refuses(order["terms"], claim["buyer"], credits):
                    order["newest"] = order["newest"] or visit["publisher"]
                    order["buyer"], order["credits"] = claim["buyer"], credits
                    return

    def ask(self, key):
        """A claim is new, or knows more: its order may have waited for that."""
        order = self.world.orders.get(key)
        if order:
            self.world.resolve(order)
            self.world.look_at_credit(order)
            self.world.settle(order)

    def shown(self, buyer, names):
        """What a sign-in has tied is their own from now on."""
        for claim in self.of_buyer[buyer]:
            new = {name for name in names if self.world.clicks[name]["program"] == claim["key"][0] and self.world.clicks[name]["quality"] != "embedded"}
            if new - claim["clicks"] and not claim["closed"]:
                self.know(claim, new - claim["clicks"])
                tied = {name: self.world.clicks[name]["tied"] for name in new - claim["clicks"]}
                claim["known"] |= {name: (tie[0], self.world.moment()) for name, tie in tied.items() if tie}
                claim["clicks"] |= new
                self.ask(claim["key"])

    # Where it stands

    def follow(self, order):
        """Claims of an order that has changed."""
        for claim in self.of_order.get(order["key"], ()):
            buyer = order["buyer"] if order["credits"] else None
            # What nobody has refused follows its order back.
            lost = claim["state"] == "refused" and not claim["closed"]
            if buyer == claim["buyer"] and (claim["state"] in OPEN or lost):
                claim |= {"state": "matched", "reason": None}
            elif buyer not in (None, claim["buyer"]) and (claim["state"] in HELD or claim["state"] in OPEN and order["signed"]):
                claim |= {"state": "refused", "reason": "already_claimed"}
            elif not buyer and claim["state"] in HELD:
                claim |= {"state": "refused", "reason": "already_credited_elsewhere"}

    def escalate(self):
        for claim in self.of.values():
            if claim["state"] == "waiting" and claim["at"] + ANSWER_DAYS * DAY <= self.world.now:
                claim["state"] = "escalated"

    # Answers

    def accept(self, claim, amount):
        """The shop's word: where it sent no sale, one is recorded."""
        world, key = self.world, claim["key"]
        if claim["state"] in ("matched", "accepted"):
            return 200, claim["state"]
        if claim["state"] not in OPEN:
            return 409, "claim_closed"
        if key in world.orders or key in world.waiting:
            return 409, "claim_not_creditable"
        if amount is None:
            return 422, "not_recorded"
        program, occurred = key[0], claim["ordered"] or claim["at"]
        if self.first({"key": key, "terms": world.terms(program, occurred)[1], "program": program, "occurred": occurred}) is not claim:
            return 409, "claim_not_creditable"
        claim["state"] = "accepted"
        line = {"sku": None, "category": None, "quantity": 1, "amount": amount}
        content = {"amount": amount, "currency": world.programs[program]["currency"], "lines": [line], "coupon": None, "ref": None, "status": None}
        world.record(key, content, [], occurred, None, 1)
        return 200, "accepted"

    def refuse(self, claim, reason):
        if claim["state"] == "refused" and claim["reason"] == reason:
            return 200, "refused"
        if claim["state"] not in OPEN:
            return 409, "claim_closed"
        # A sale that comes after all finds its claim.
        claim |= {"state": "refused", "reason": reason, "closed": reason != "order_not_found"}
        return 200, "refused"

    def goodwill(self, claim, amount, funder):
        """A bonus in the place of cashback."""
        currency = self.world.programs[claim["key"][0]]["currency"]
        if claim["state"] == "goodwill" and claim["goodwill"] == (amount, funder):
            return 200, "goodwill"
        if claim["state"] not in OPEN and claim["state"] != "refused":
            return 409, "claim_closed"
        claim |= {"state": "goodwill", "reason": None, "closed": True, "goodwill": (amount, funder)}
        debit = "promotions:spent" if funder == "platform" else f"merchant:{self.world.programs[claim['key'][0]]['merchant']}:owed"
        self.world.post(currency, amount, debit, f"buyer:{claim['buyer']}:payable")
        return 200, "goodwill"

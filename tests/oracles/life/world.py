"""What a network of merchants, publishers and buyers should hold by the rules of money: each operation changes it and gives the answer that
the server owes. Balances are counted from the orders' end states alone, never kept up."""

import datetime
from collections import Counter, defaultdict
from fractions import Fraction

from life import rules
from life.claims import Claims
from life.following import Following
from life.holding import Holding
from life.loyalty import Loyalty
from life.rules import DAY, MINUTE

HELD = ("bot", "suspect")
# In major units of any currency.
DEBT_LIMIT = 25


def month(at):
    return datetime.datetime.fromtimestamp(at / 1000, datetime.UTC).strftime("%Y-%m")


def day(at):
    return datetime.datetime.fromtimestamp(at / 1000, datetime.UTC).date()


class World(Following, Holding):
    """The time is `now`; ids are the server's."""

    def __init__(self):
        self.now = 0
        self.programs, self.publishers, self.buyers, self.clicks = {}, {}, {}, {}
        self.coupons = {}  # by program and code in lower case: publisher, from, until
        self.rates = {}  # by day: units per euro
        self.orders, self.parked, self.waiting = {}, defaultdict(list), {}
        self.refs = set()  # program and ref of customers who were there
        self.ticks, self.moments = 0, 0
        self.books, self.beside = Counter(), Counter()
        self.lines = defaultdict(list)  # of payees' and merchants' accounts: how much, of which order, on which document
        self.loyalty = Loyalty(self)
        self.prepaid = set()  # merchants
        self.billing, self.waits = None, defaultdict(list)  # orders whose shares wait for the merchant's payment
        self.tiered = defaultdict(list)  # orders that became approved, by program and month
        self.claims = Claims(self)
        self.pending, self.unclaimed = {}, {}  # orders that the clock may approve; whose share waits for its buyer

    # What is looked up once.

    def terms(self, program, at):
        """The version in effect, and its number."""
        versions = self.programs[program]["versions"]
        _, number = max(((since, n) for n, (since, _) in enumerate(versions) if since <= at), default=(0, 0))
        return number + 1, versions[number][1]

    def factor(self, program, currency, at):
        """From minor units of the sale's currency to the program's; None without a rate of the last week."""
        own = self.programs[program]["currency"]
        if own == currency:
            return Fraction(1)
        for back in range(8):
            rates = self.rates.get(day(at) - datetime.timedelta(days=back), {}) | {"EUR": Fraction(1)}
            if own in rates and currency in rates:
                return rates[own] / rates[currency] * Fraction(10) ** (rules.DECIMALS[own] - rules.DECIMALS[currency])
        return None

    def tier_base(self, program, publisher):
        """The net amount of the publisher's orders that became approved this month."""
        orders = [order for order in self.tiered[program, month(self.now)] if order["newest"] == publisher and not order["rejected"]]
        return sum((sum(self.due(order)["amounts"]) * order["factor"] for order in orders), Fraction(0))

    def touches(self, order, sent):
        window = order["terms"].get("attribution", {}).get("window_days", 30)
        return rules.judge_touches(self.clicks, sent, order["program"], order["occurred"], window)

    def completes(self, order, sent):
        """Whether a repeat brings the first clicks that count; of a sale credited by a coupon they tell the buyer."""
        return not order["touches"] and order["code"] != "other_channel" and bool(self.touches(order, sent)[0])

    def attribute(self, order, sent):
        """Looks for touches, publishers and the buyer. Gives the code of a sale that nobody is credited for."""
        order["code"] = self.by_clicks(order, sent)
        order["found"] = {name: order[name] for name in ("credits", "newest", "buyer", "tie")}
        return self.resolve(order)

    def resolve(self, order):
        """What claims and terms make of what the sale's own clicks, its coupon and a sign-in say."""
        order |= order["found"]
        if order["code"] != "other_channel":
            self.claims.give(order)
        if self.refuses(order["terms"], order["buyer"], order["credits"]):
            order |= {"credits": [], "buyer": None}
        self.look_up(order)
        return None if order["credits"] else order["code"] or "self_referral"

    def moment(self):
        """Now, and a little after whatever has happened now: for what is dated by the server."""
        self.moments += 1
        return self.now + self.moments

    def tick(self):
        """Sign-ins and claims in their sequence."""
        self.ticks += 1
        return self.ticks

    def look_up(self, order):
        """Once, when somebody is credited: the base of tiers, and who owes too much."""
        if order["credits"] and any("tiers" in rule["pay"] for rule in order["terms"]["commission"]):
            if order["newest"] not in order["tier_bases"]:
                order["tier_bases"][order["newest"]] = self.tier_base(order["program"], order["newest"])
            order["tier_base"] = order["tier_bases"][order["newest"]]
        if order["credits"] and order["in_debt"] is None:
            order["in_debt"] = self.in_debt(order)

    def by_clicks(self, order, sent):
        """Whom the sale's own clicks and coupon credit, and whose it is by them."""
        program, terms = order["program"], order["terms"]
        for touch in order["touches"]:
            touch["sales"].remove(order)
        order["touches"], order["credits"], order["newest"], order["buyer"], order["tie"] = [], [], None, None, None
        how = terms.get("attribution", {})
        touches, code = self.touches(order, sent)
        kinds = {name: publisher["kind"] for name, publisher in self.publishers.items()}
        counted = rules.stand_down(touches, how.get("stand_down_minutes", 0), kinds)
        coupon = self.coupons.get((program, (order["coupon"] or "").lower()))
        # A publisher's generosity is looked up when the sale first names one of its clicks, good or not.
        named = [self.clicks[name]["publisher"] for name in sent if name in self.clicks] + ([coupon["publisher"]] if coupon else [])
        order["gifts"] = {publisher: order["gifts"].get(publisher, self.publishers[publisher]["generosity"]) for publisher in named}
        if order["channel"] not in (None, "ristourne"):
            return "other_channel"
        if coupon and coupon["from"] <= order["occurred"] < coupon["until"]:
            credits = [{"publisher": coupon["publisher"], "click": None, "weight": 1}]
        elif counted:
            credited, weights = rules.weigh(how.get("model", "last_click"), counted, order["occurred"])
            credits = [{"publisher": touch["publisher"], "click": touch, "weight": weight} for touch, weight in zip(credited, weights)]
        else:
            return code
        order["touches"] = touches
        for touch in touches:
            touch["sales"].append(order)
        order["credits"] = [credit | {"generosity": order["gifts"][credit["publisher"]]} for credit in credits]
        order["newest"] = coupon["publisher"] if credits[0]["click"] is None else counted[-1]["publisher"]
        # Who came to the click beats who signed in later, or the sequence of sale and sign-in would matter.
        ties = sorted(touch["tied"] for touch in touches if touch["tied"])
        order["tie"], tied = ties[0] if ties else (None, None)
        for touch in touches:
            if touch["buyer"]:
                order["tie"], tied = None, touch["buyer"]
        order["buyer"] = None if order["expired"] else tied
        return None

    def held(self, order):
        """Whether the operator has to look at it."""
        suspect = any(credit["click"] and credit["click"]["quality"] in HELD for credit in order["credits"])
        own = order["terms"].get("attribution", {}).get("self_referral", "hold") == "hold" and self.is_own(order["buyer"], order["credits"])
        return bool(order["credits"]) and (suspect or own or bool(order["in_debt"]) or bool(order["used_up"]))

    def used_up(self, order):
        """Whether a merchant who pays ahead has less credit than this sale and all that is promised already."""
        merchant, currency = self.programs[order["program"]]["merchant"], order["currency"]
        order["due"], credit = None, -self.books[f"merchant:{merchant}:owed", currency] - self.books[f"merchant:{merchant}:pending", currency]
        return merchant in self.prepaid and self.due(order)["commission"] > max(credit, 0)

    def in_debt(self, order):
        """Whether a payee of it owes more than the operator lets them."""
        payees = [f"publisher:{credit['publisher']}" for credit in order["credits"]] + ([f"buyer:{order['buyer']}"] if order["buyer"] else [])
        currency = order["currency"]
        return any(self.books[f"{payee}:payable", currency] > DEBT_LIMIT * 10 ** rules.DECIMALS[currency] for payee in payees)

    def is_own(self, buyer, credits):
        """Whether who bought is who is credited."""
        mail = buyer and self.buyers[buyer]["email"]
        return bool(mail) and any(self.publishers[credit["publisher"]]["email"] == mail for credit in credits)

    def refuses(self, terms, buyer, credits):
        return terms.get("attribution", {}).get("self_referral") == "refuse" and self.is_own(buyer, credits)

    # Sales

    def sale(self, key, content, sent, occurred, channel=None, signed=True):
        """A sale or another goal. `content` is what makes a repeat the same; a pixel's is not signed."""
        if occurred > self.now + 5 * MINUTE:
            return 422, "occurred_in_future"
        if key in self.waiting:
            if signed and not self.waiting[key][-1]:
                occurred = self.waiting.pop(key)[2]
            else:
                return (200, "duplicate") if self.waiting[key][0] == content else (409, "order_conflict")
        if key in self.orders:
            order = self.orders[key]
            replaces = signed and not order["signed"]
            if not replaces and order["content"] != content:
                return 409, "order_conflict"
            if replaces:
                self.replace(order, content, channel)
            elif not signed or not self.completes(order, sent):
                return 200, "duplicate"
            code = self.attribute(order, sent)
            self.look_at_credit(order)
            self.settle(order)
            return (202, code) if self.status(order) == "unattributed" else (201, "recorded")
        factor = self.factor(key[0], content["currency"], occurred)
        if factor is None:
            self.waiting[key] = (content, sent, occurred, channel, signed)
            return 202, "no_rate"
        order = self.record(key, content, sent, occurred, channel, factor, signed)
        return (202, order["code"] or "self_referral") if self.status(order) == "unattributed" else (201, "recorded")

    def record(self, key, content, sent, occurred, channel, factor, signed=True):
        program, kind, _ = key
        number, terms = self.terms(program, occurred)
        ref, status = content["ref"], content["status"]
        order = {
            "key": key, "n": len(self.orders), "program": program, "content": content, "signed": signed, "type": kind, "occurred": occurred, "recorded": self.now, "channel": channel,
            "version": number, "terms": terms, "factor": factor, "coupon": content["coupon"], "currency": self.programs[program]["currency"],
            "lines": content["lines"], "sold": [line["amount"] for line in content["lines"]], "amount": content["amount"],
            "customer": status or (ref and ("returning" if (program, ref) in self.refs else "new")),
            "touches": [], "credits": [], "newest": None, "buyer": None, "tie": None, "found": None, "tier_base": 0, "tier_bases": {}, "in_debt": None, "used_up": None, "expired": False,
            "refunds": {}, "ended": set(), "approvals": set(), "approved_at": None, "rejected": False, "code": None, "due": None, "row": Counter(), "gifts": {}, "adjusted": None, "merchant_paid": False, "posted": [], "loyalty": None, "bonuses": [], "refused": {},
        }  # fmt: skip
        if ref:
            self.refs.add((program, ref))
        self.attribute(order, sent)
        if terms.get("payable_on") == "merchant_payment":
            self.waits[self.programs[program]["merchant"], order["currency"]].append(order)
        for act, *what in self.parked.pop(key, []):
            act(order, *what)
        order["rejected"] = bool(order["ended"])
        self.look_at_credit(order)
        self.orders[key] = order
        self.settle(order)
        return order

    def replace(self, order, content, channel):
        """A signed sale in the place of an unsigned one; what was said of that, and when it was, stays."""
        ref = content["ref"]
        order |= {"content": content, "signed": True, "channel": channel, "coupon": content["coupon"], "lines": content["lines"],
                  "customer": content["status"] or (ref and ("returning" if (order["program"], ref) in self.refs else "new"))}  # fmt: skip
        if ref:
            self.refs.add((order["program"], ref))
        self.scale(order)
        order["refunds"], order["refused"] = {}, order["refunds"] | order["refused"]
        self.judge_again(order)

    def look_at_credit(self, order):
        """Once, when somebody is credited."""
        if order["credits"] and order["used_up"] is None:
            order["used_up"] = self.used_up(order)

    # What changes with it

    def settle(self, order):
        """Notes what an order has come to, where others will ask for it."""
        order["rejected"], order["due"] = bool(order["ended"]), None
        self.hold(order)
        if order["approved_at"] is None and self.status(order) in ("approved", "payable"):
            order["approved_at"] = self.now
            self.tiered[order["program"], month(self.now)].append(order)
        self.claims.follow(order)

    def rates_of(self, date, rates):
        """Stores a day's rates; sales that waited for one are recorded."""
        self.rates[date] = {currency: Fraction(rate) for currency, rate in rates.items()}
        for key, (content, sent, occurred, channel, signed) in list(self.waiting.items()):
            factor = self.factor(key[0], content["currency"], occurred)
            if factor is not None:
                del self.waiting[key]
                self.record(key, content, sent, occurred, channel, factor, signed)

    def sign_in(self, buyer, names):
        """A buyer signs in with clicks: for each None, or why it does not become theirs. Claims of theirs know them from then on."""
        said = [self.tie(buyer, name) for name in names]
        self.claims.shown(buyer, [name for name, why in zip(names, said) if not why])
        return said

    def tie(self, buyer, name):
        """A buyer signs in with a click: None, or why it does not become theirs."""
        click = self.clicks[name]
        theirs = click["buyer"] or (click["tied"] and click["tied"][1])
        if theirs:
            return None if theirs == buyer else "click_has_buyer"
        nobodys = [order for order in click["sales"] if not order["buyer"] and order["credits"]]
        # By when they were placed: each is a return to those before it.
        placed = sorted(nobodys, key=lambda order: (order["occurred"], order["key"]))
        open_still = [order for order in placed if self.now < self.claimed_until(order)]
        if nobodys and not open_still:
            return "claim_window_closed"
        click["tied"] = (self.tick(), buyer)
        for order in open_still:
            order["found"] |= {"buyer": buyer, "tie": click["tied"][0]}
            self.resolve(order)
            self.settle(order)
        return None

    def claimed_until(self, order):
        return order["recorded"] + order["terms"].get("claim_days", 30) * DAY

    def clock(self):
        """What time alone brings: silence approves, the earliest date first; then unclaimed shares fall to somebody."""
        date = lambda order: order["occurred"] + order["terms"].get("hold_days", 30) * DAY
        waiting = [order for order in self.pending.values() if order["signed"] and not self.held(order) and date(order) <= self.now]
        for order in sorted(waiting, key=lambda order: (date(order), order["n"])):
            order["approvals"].add("clock")
            self.settle(order)
        for order in list(self.unclaimed.values()):
            if self.claimed_until(order) <= self.now:
                order["expired"], order["due"] = True, None
                self.hold(order)
        self.claims.escalate()

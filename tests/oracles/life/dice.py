"""What happens next: random operations, from a seed. Each is the body that is sent and the answer that our world says is due."""

import datetime
import json

from life import rules
from life.rules import DAY, MINUTE

CATEGORIES = ["books", "music", "toys", "gifts", None]
# Out of a hundred: what a message is about.
MESSAGES = [("sale", 52), ("again", 6), ("conflict", 3), ("refund", 15), ("refund again", 4), ("approve", 7), ("reject", 4), ("cancel", 3), ("ahead", 6)]


def iso(at):
    return datetime.datetime.fromtimestamp(at / 1000, datetime.UTC).isoformat().replace("+00:00", "Z")


def moment(text):
    """Milliseconds of a time."""
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


class Messages:
    """Postbacks of shops, for `POST /conversions`."""

    def __init__(self, dice, world, cast):
        self.dice, self.world, self.cast = dice, world, cast
        self.numbers = 0
        self.sent = {}  # by order: the body of its sale
        self.keys = []
        self.to_come = []  # orders that something was said of before their sale
        self.planned = []  # sales that somebody has claimed already: key, clicks, when
        self.to_sign = []  # what pixels said: key and currency
        self.speaker, self.programs = "operator", cast.programs

    def speak(self, merchant):
        """Who sends the next batch: a merchant says nothing of another's programs."""
        self.speaker = "merchant" if merchant else "operator"
        self.programs = [name for name in self.cast.programs if merchant in (None, self.world.programs[name]["merchant"])]

    def next(self):
        """A body and the answer that is due to it."""
        kind = self.dice.choices([kind for kind, _ in MESSAGES], [weight for _, weight in MESSAGES])[0]
        if kind == "sale" or len(self.keys) < 20:
            return self.some_sale()
        if kind == "ahead":
            return self.ahead()
        key = self.some()
        if kind == "again":
            return self.again(key)
        if kind == "conflict":
            return self.conflict(key)
        if kind == "refund":
            return self.refund(key)
        if kind == "refund again":
            return self.refund_again(key)
        return self.verdict(key, kind)

    def some_sale(self):
        """A new one; or one that a claim, a pixel or another message was ahead of."""
        which = self.dice.choices([self.to_come, self.planned, self.to_sign, None], [20, 6, 6, 68])[0]
        first = which[0] if which else None
        if not first or (first if which is self.to_come else first[0])[0] not in self.programs:
            return self.sale(self.fresh())
        which.pop(0)
        if which is self.planned:
            return self.sale(*first)
        return self.sale(first[0], currency=first[1]) if which is self.to_sign else self.sale(first)

    def some(self):
        """An order, rather one of late."""
        key = None
        while key is None or key[0] not in self.programs:
            key = self.keys[-min(int(self.dice.expovariate(1 / 800)) + 1, len(self.keys))]
        return key

    def fresh(self):
        self.numbers += 1
        program = self.dice.choice(self.programs)
        named = {name for rule in self.world.programs[program]["versions"][0][1]["commission"] for name in kinds_of(rule)}
        kind = "sale" if "sale" in named and self.dice.random() < 0.9 else self.dice.choice(sorted(named))
        return program, kind, f"{self.world.programs[program]['name']}-{self.numbers}"

    # Sales

    def sale(self, key, clicks=None, occurred=None, currency=None):
        program, kind, number = key
        own = self.world.programs[program]["currency"]
        # Tiers and the customers' own references stay with one currency, so that no rounding and no waiting blurs what they are looked up in.
        foreign = self.world.programs[program]["name"] != "steps" and self.dice.random() < 0.25
        currency = currency or (self.dice.choice(["USD", "GBP", "JPY", "EUR", "CHF"]) if foreign else own)
        foreign = currency != own
        lines = self.lines(currency, kind)
        total = sum(line["amount"] for line in lines)
        if clicks is None:
            occurred = self.world.now - self.dice.choice([0, 1, 1, 1, 5, 5]) * DAY - self.dice.randrange(20, 1_000) * MINUTE
            if self.dice.random() < 0.02:
                occurred = self.world.now + 60 * MINUTE
            clicks = self.keep_untied(key, self.clicks(program, occurred))
        body = {"program": program, "type": kind, "order_id": number, "amount": rules.text(total, currency), "currency": currency, "occurred_at": iso(occurred)}
        if lines[0]["sku"]:
            body["items"] = [wired(line, currency) for line in lines]
        if clicks and self.dice.random() < 0.5:
            body["click_id"] = clicks[0]
            clicks[1:] and body.update(click_ids=clicks[1:])
        elif clicks:
            body["click_ids"] = clicks
        ref = None if foreign or self.dice.random() < 0.4 else f"c-{self.dice.randrange(3_000)}"
        status = self.dice.choice([None, None, None, "new", "returning"])
        if ref or status:
            body["customer"] = {name: value for name, value in (("ref", ref), ("status", status)) if value}
        codes = [code for owner, code in self.world.coupons if owner == program]
        vouchers = self.cast.vouchers.get(program)
        if vouchers and self.dice.random() < 0.2:
            body["coupon"] = self.dice.choice(["upper", "lower"]) == "lower" and self.dice.choice(vouchers).lower() or self.dice.choice(vouchers)
        elif self.dice.random() < 0.15:
            body["coupon"] = self.dice.choice([*codes, "save5", "SAVE7", "nobody", "merci20", "Double", "MERCI20"])
        if self.dice.random() < 0.02:
            body["channel"] = self.dice.choice(["ristourne", "newsletter"])
        sent = body.get("click_ids", []) + ([body["click_id"]] if "click_id" in body else [])
        content = {"amount": total, "currency": currency, "lines": lines, "coupon": body.get("coupon"), "ref": ref, "status": status}
        due = self.world.sale(key, content, sent, occurred, body.get("channel"))
        if due[0] < 300:
            self.keys.append(key)
            self.sent[key] = (body, content, sent, occurred)
        return body, key, due

    def lines(self, currency, kind):
        unit = 10 ** rules.DECIMALS[currency]
        scale = 100 if currency == "JPY" else 1
        if kind != "sale" and self.dice.random() < 0.5:
            return [{"sku": None, "category": None, "quantity": 1, "amount": 0}]
        amount = lambda: max(1, int(self.dice.lognormvariate(3.2, 1.1) * unit * scale))
        if self.dice.random() < 0.35:
            return [{"sku": None, "category": None, "quantity": 1, "amount": amount()}]
        lines = []
        for _ in range(self.dice.choice([1, 1, 2, 2, 3, 5])):
            some = {"sku": f"S{self.dice.randrange(6)}", "category": self.dice.choice(CATEGORIES), "quantity": self.dice.choice([1, 1, 2, 3, 10])}
            lines.append(some | {"amount": amount() if self.dice.random() > 0.04 or not lines else 0})
        return lines

    def clicks(self, program, occurred):
        """The ids of some clicks, most of them good ones."""
        some = self.dice.random()
        known = self.cast.clicks[program]
        if some < 0.04 or not known:
            return []
        if some < 0.06:
            return [f"nothing{self.numbers}"]
        if some < 0.09:
            known = self.cast.clicks[self.dice.choice(self.cast.programs)] or known
        late = [name for name in known[-60:] if self.world.clicks[name]["at"] <= occurred] if some < 0.9 else known[-200:]
        count = self.dice.choice([1, 1, 1, 1, 2, 2, 3, 4])
        return self.dice.sample(late, min(count, len(late)))

    def again(self, key):
        """The same order once more; some bring a click that was missing."""
        body, content, sent, occurred = self.sent[key]
        if self.dice.random() < 0.3:
            body = {name: value for name, value in body.items() if name not in ("click_id", "click_ids")}
            sent = self.keep_untied(key, self.clicks(key[0], occurred))
            body |= {"click_ids": sent} if sent else {}
        return body, key, self.world.sale(key, content, sent, occurred, body.get("channel"))

    def conflict(self, key):
        body, content, sent, occurred = self.sent[key]
        coupon = (content["coupon"] or "") + "x"
        return body | {"coupon": coupon}, key, self.world.sale(key, content | {"coupon": coupon}, sent, occurred)

    # What follows them

    def about(self, key, kind, **more):
        program, goal, number = key
        return {"program": program, "type": kind, "order_id": number} | ({"of": goal} if goal != "sale" else {}) | more

    def refund(self, key):
        content = self.sent[key][1]
        currency, lines = content["currency"], [line for line in content["lines"] if line["sku"] and line["amount"]]
        self.numbers += 1
        number, some = f"R{self.numbers}", self.dice.random()
        if some < 0.03:
            currency = "USD" if currency == "CHF" else "CHF"
        known = self.world.orders.get(key)
        whole = max(known["amount"] if known and self.dice.random() < 0.5 else content["amount"], 1)
        if lines and some < 0.45:
            line = self.dice.choice(lines)
            amount = self.dice.choice([line["amount"], max(line["amount"] // 2, 1), max(line["amount"] // 3, 1)])
            amount += 1_000_000 if some < 0.05 else 0
            items = [{"sku": line["sku"] if some > 0.06 else "S9", "quantity": self.dice.randint(1, line["quantity"]), "amount": amount}]
            return self.refunded(key, number, {"currency": currency, "items": items})
        amount = self.dice.choice([whole, max(whole // 2, 1), max(whole // 3, 1), max(whole // 7, 1), 1, whole + 1])
        return self.refunded(key, number, {"currency": currency, "amount": amount})

    def refunded(self, key, number, refund):
        currency = refund["currency"]
        body = self.about(key, "refund", refund_id=number, currency=currency)
        if "items" in refund:
            body["items"] = [wired(item, currency) for item in refund["items"]]
        else:
            body["amount"] = rules.text(refund["amount"], currency)
        due = self.world.about(key, self.world.refund, number, refund)
        self.cast.refunds.append((key, number, refund))
        return body, key, due

    def refund_again(self, key):
        if not self.cast.refunds:
            return self.refund(key)
        key, number, refund = self.dice.choice(self.cast.refunds[-500:])
        if key[0] not in self.programs:
            return self.refund(self.some())
        if "amount" in refund and self.dice.random() < 0.2:
            refund = refund | {"amount": refund["amount"] + 1}
        return self.refunded(key, number, refund)

    def verdict(self, key, kind):
        body = self.about(key, kind) | ({} if kind == "approve" else {"reason": "returned"})
        if kind == "approve":
            return body, key, self.world.about(key, self.world.approve, "approve", self.speaker)
        return body, key, self.world.about(key, self.world.end, kind)

    def ahead(self):
        """Something about an order whose sale is not known yet."""
        key = self.fresh()
        if self.dice.random() < 0.8:
            self.to_come.append(key)
        some, currency = self.dice.random(), self.world.programs[key[0]]["currency"]
        if some < 0.6:
            self.numbers += 1
            return self.refunded(key, f"R{self.numbers}", {"currency": currency, "amount": self.dice.randint(1, 3_000)})
        return self.verdict(key, "approve" if some < 0.8 else "cancel")


def kinds_of(rule):
    named = rule.get("when", {}).get("type", "sale")
    return named if isinstance(named, list) else [named]


def wired(line, currency):
    """A line as it is sent."""
    said = {name: line[name] for name in ("sku", "category") if line.get(name)}
    return said | {"quantity": line["quantity"], "amount": rules.text(line["amount"], currency)}


def as_sent(bodies):
    return json.dumps(bodies, separators=(",", ":"))

"""A year of operations, played to a server and to our world; every answer and at the end every balance must be the same."""

import datetime
import json
import time
from collections import Counter
from fractions import Fraction

from life import dice as d
from life import rules
from life.beside import Beside
from life.billing import Billing
from life.cast import Cast
from life.desk import Desk
from life.judge import Judge
from life.payouts import Payouts
from life.pixels import Pixels
from life.rules import DAY, MINUTE
from life.tables import Tables
from life.world import World, day
from network import BROWSER

BATCH = 1_000
BEGIN = datetime.datetime(2025, 10, 1, tzinfo=datetime.UTC)
# Accounts whose usual side is the debit.
DEBITS = ("merchant:", "promotions:", "cash", "losses", "bank_fees", "vat:deductible")
AGENTS = {"ok": {"User-Agent": BROWSER}, "suspect": {}, "bot": {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
          "embedded": {"User-Agent": BROWSER, "Sec-Fetch-Dest": "image"}, "prefetch": {"User-Agent": BROWSER, "Sec-Purpose": "prefetch"}}


def moments(dice, operations):
    """When something happens: 30 times in 13 months or more often, at times of the day that keep clear of one another, so that no date is a
    matter of seconds; and so much at a time that no job, which runs each minute, comes between."""
    phases = min(max(operations // 1_100, 30), 95)
    days = sorted(dice.sample(range(395), phases))
    hours = dice.sample(range(24 * 4), phases)
    return [int((BEGIN + datetime.timedelta(days=n, minutes=15 * quarter + 7)).timestamp() * 1000) for n, quarter in zip(days, hours)]


class Play:
    """One life. `wrong` lists what differed."""

    def __init__(self, dice, stage, operations):
        self.dice, self.stage, self.operations = dice, stage, operations
        self.world, self.wrong, self.done, self.kinds = World(), [], 0, Counter()
        self.slowest = 0  # seconds of a day: after a minute jobs would come between
        self.world.now = stage.at
        self.cast = Cast(dice, self.world, stage)
        self.cast.clicks, self.cast.refunds = {program: [] for program in self.cast.programs}, []
        self.messages = d.Messages(dice, self.world, self.cast)
        self.ids, self.late_rates, self.rated = {}, [], day(stage.at) - datetime.timedelta(days=9)
        self.billing = self.world.billing = Billing(self)
        self.payouts = Payouts(self)
        self.beside, self.judge_of, self.tables = Beside(self), Judge(self), Tables(self)
        self.desk, self.pixels = Desk(self), Pixels(self)
        self.messages.keep_untied = self.desk.keep_untied

    def run(self, times):
        for n, at in enumerate(times):
            if n:
                self.stage.move(at)
            began = time.monotonic()
            self.world.now = at
            self.world.clock()
            self.stage.rested()
            self.rates()
            self.changes()
            self.visits()
            share = self.operations * (n + 1) // len(times)
            while self.done < share:
                self.batch(min(BATCH, share - self.done))
            self.judge_of.batch(100)
            self.pixels.step(24)
            self.desk.step()
            if n % 3 == 2:
                self.tables.send(60)
            self.billing.step()
            self.payouts.step()
            self.single(40)
            self.slowest = max(self.slowest, time.monotonic() - began)
        # The jobs come to what the last day has left to them.
        self.stage.move(times[-1] + 10 * MINUTE)
        self.world.now = self.stage.at
        self.world.clock()

    def count(self, *what):
        self.kinds[what] += 1

    def json(self, body):
        return json.dumps(body)

    def differ(self, what, due, said):
        if due != said:
            self.wrong.append((self.done, what, "due", due, "said", said))

    # Before the messages of a day

    def rates(self):
        """The rates of the days since the last time: none of weekends and Christmas; some come a time later than they should."""
        for rates in self.late_rates:
            self.store_rates(*rates)
        self.late_rates = []
        while self.rated <= day(self.world.now):
            date, self.rated = self.rated, self.rated + datetime.timedelta(days=1)
            if date.weekday() >= 5 or (date.month, date.day) in ((12, 25), (12, 26), (1, 1), (5, 1)):
                continue
            rates = {"USD": self.rate(1.09), "GBP": self.rate(0.86), "JPY": self.rate(162.5), "CHF": self.rate(0.94), "KWD": self.rate(0.334)}
            if self.dice.random() < 0.25:
                self.late_rates.append((date, rates))
            else:
                self.store_rates(date, rates)

    def rate(self, about):
        return f"{about * self.dice.uniform(0.97, 1.03):.5g}"

    def store_rates(self, date, rates):
        self.stage.api("POST", "/rates", {"date": date.isoformat(), "rates": rates})
        self.world.rates_of(date, rates)

    def changes(self):
        """A generosity, a coupon, a version of terms."""
        world, cast = self.world, self.cast
        publisher, generosity = self.dice.choice(cast.publishers), self.dice.choice(["0", "12.5", "50"])
        self.stage.api("PATCH", f"/publishers/{publisher}", {"generosity": generosity})
        world.publishers[publisher]["generosity"] = Fraction(generosity)
        program, code = self.dice.choice(cast.programs), f"Code{len(world.coupons)}"
        span = {"from": world.now - 3 * DAY, "until": world.now + self.dice.choice([5, 90]) * DAY + 12 * MINUTE}
        publisher = self.dice.choice(cast.publishers)
        body = {"program": program, "code": code, "publisher": publisher, "from": d.iso(span["from"]), "until": d.iso(span["until"])}
        self.stage.api("POST", "/coupons", body)
        world.coupons[program, code.lower()] = span | {"publisher": publisher}
        if self.dice.random() < 0.4:
            program = self.dice.choice(cast.programs)
            terms = json.loads(json.dumps(world.programs[program]["versions"][-1][1]))
            rule = terms["commission"][-1]["pay"]
            if "percent" in rule:
                rule["percent"] = self.dice.choice(["4.5", "6", "3.3333"])
            terms["hold_days"] = terms.get("hold_days", 30) + (1 if terms.get("hold_days", 30) else 0)
            since = world.now + self.dice.choice([1, 3, 10]) * DAY
            self.stage.api("POST", f"/programs/{program}/terms", {"terms": terms, "effective_at": d.iso(since)})
            world.programs[program]["versions"].append((since, terms))

    def visits(self):
        """Clicks through real links, of every quality; members of cashback sites come with their ref."""
        for _ in range(12):
            # By turns, so that no two of a program come in one millisecond.
            for program in self.cast.programs:
                publisher = self.dice.choice(self.cast.publishers)
                quality = self.dice.choices(list(AGENTS), [88, 2, 2, 4, 4])[0]
                member = self.dice.choice(self.cast.buyers) if self.dice.random() < 0.6 else None
                query = f"?buyer={self.world.buyers[member]['ref']}" if member else ""
                portal = self.world.publishers[publisher]["kind"] == "cashback"
                name = self.stage.click(self.cast.links[program, publisher] + query, headers=AGENTS[quality])
                self.world.clicks[name] = {
                    "n": len(self.world.clicks), "at": self.world.moment(), "program": program, "publisher": publisher, "quality": quality,
                    "buyer": member if portal else None, "tied": None, "sales": [],
                }  # fmt: skip
                self.cast.clicks[program].append(name)

    # The messages

    def batch(self, size):
        """Thinks of a batch and sends it."""
        merchant = self.dice.choice(self.cast.merchants) if self.done > 1_000 and self.dice.random() < 0.3 else None
        self.messages.speak(merchant)
        items = [self.messages.next() for _ in range(size)]
        self.stage.rested()
        status, answer = self.stage.post("/conversions", d.as_sent([body for body, _, _ in items]), self.cast.keys.get(merchant))
        assert status == 200, answer
        for (body, key, due), said in zip(items, answer["results"], strict=True):
            self.done += 1
            self.kinds[body["type"] if body["type"] in ("refund", "approve", "reject", "cancel") else "sale", *due] += 1
            word = said.get("code") or said["status"]
            self.differ((body, key), due, (said["http"], word))
            if "conversion" in said:
                self.ids[key] = said["conversion"]["id"]

    def single(self, count):
        """What is done one at a time: adjustments, verdicts by key, sign-ins."""
        for _ in range(count):
            self.done += 1
            some = self.dice.random()
            if some < 0.3:
                self.sign_in()
            elif some < 0.4:
                self.adjust()
            elif some < 0.43:
                self.judge_of.reopen()
            elif some < 0.5:
                self.judge("approve" if some < 0.45 else "reject")
            else:
                self.beside.step()

    def sign_in(self):
        buyer = self.dice.choice(self.cast.buyers)
        program = self.dice.choice(self.cast.programs)
        names = self.desk.keep_apart(buyer, self.dice.sample(self.cast.clicks[program][-40:], 3))
        if not names:
            return
        due = self.world.sign_in(buyer, names)
        said = self.stage.api("POST", f"/buyers/{buyer}/clicks", {"click_ids": names})
        refused = {row["click_id"]: row["code"] for row in said["refused"]}
        self.differ(("sign in", buyer, names), due, [refused.get(name) for name in names])
        self.kinds["sign in", "tied"] += 1

    def known(self):
        return self.dice.choice([key for key in self.messages.keys[-3_000:] if key in self.ids])

    def adjust(self):
        key = self.known()
        currency = self.world.orders[key]["content"]["currency"]
        amount = max(1, int(self.world.orders[key]["amount"] * self.dice.choice([0.5, 0.9, 1.2, 3])))
        self.world.adjust(key, amount)
        said = self.stage.api("POST", f"/conversions/{self.ids[key]}/adjust", {"amount": rules.text(amount, currency), "reason": "counted again"})
        self.compare(key, said)
        self.kinds["adjust", "adjusted"] += 1

    def judge(self, verdict):
        key = self.known()
        if verdict == "approve":
            self.world.about(key, self.world.approve, "approve", "operator")
        else:
            self.world.about(key, self.world.end, "reject")
        said = self.stage.api("POST", f"/conversions/{self.ids[key]}/{verdict}", {} if verdict == "approve" else {"reason": "fraud"})
        self.compare(key, said)
        self.kinds[f"{verdict} by id", "done"] += 1

    # What it came to

    def compare(self, key, said):
        """A conversion, as it is shown."""
        order = self.world.orders[key]
        due = self.world.due(order)
        amounts = lambda name: rules.minor(said[name]["amount"], said[name]["currency"])
        shares = {name: rules.minor(share["amount"], share["currency"]) for name, share in said["shares"].items()}
        ours = [self.world.shown(order), order["amount"], order["amount"] - sum(due["amounts"]), due["commission"],
                {"publisher": sum(due["parts"]), "buyer": due["buyer"], "platform": due["platform"]}, sorted(order["bonuses"]),
                [(credit["publisher"], part) for credit, part in zip(order["credits"], due["parts"])], order["buyer"], order["version"], self.world.flags(order)]
        theirs = [said["status"], amounts("amount"), amounts("refunded"), amounts("commission"), shares, sorted((bonus["funded_by"], bonus["buyer"], rules.minor(bonus["amount"]["amount"], bonus["amount"]["currency"])) for bonus in said["bonuses"]),
                  [(credit["publisher"], rules.minor(credit["amount"]["amount"], credit["amount"]["currency"])) for credit in said["credits"]],
                  said["buyer"], said["terms_version"], sorted(said["flags"])]
        self.differ(("conversion", key), ours, theirs)

    def rows(self):
        """Every conversion, as it is shown."""
        said = self.stage.request("GET", "/api/v1/conversions?format=ndjson", headers={"Authorization": f"Bearer {self.stage.key}"})[2]
        return [json.loads(line) for line in said.splitlines()]

    def conversions(self, rows):
        """What differs in them."""
        before = len(self.wrong)
        for said in rows:
            key = said["program"], said["type"], said["order_id"]
            self.ids[key] = said["id"]
            self.compare(key, said)
        found, self.wrong = self.wrong[before:], self.wrong[:before]
        return found

    def balances(self):
        """All balances of the API, debits positive."""
        rows = {}
        for owner in self.cast.owners():
            for row in self.stage.api("GET", f"/balances?owner={owner}")["data"]:
                amount = rules.minor(row["amount"]["amount"], row["amount"]["currency"])
                if amount:
                    rows[row["account"], row["amount"]["currency"]] = amount if row["account"].startswith(DEBITS) else -amount
        return rows

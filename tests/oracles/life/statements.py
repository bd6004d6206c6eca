"""Self-billed statements: the invoice that each payment writes in a publisher's name, with its VAT on top."""

from collections import defaultdict
from fractions import Fraction

from life import rules
from life.rules import money

RATES = ["0", "0", "20", "5.5", "13.777"]


class Statements:
    def __init__(self, play):
        self.play, self.dice, self.world, self.stage = play, play.dice, play.world, play.stage
        self.publishers = play.cast.publishers
        self.parties = {}  # by publisher: what was said of their VAT, whether an operator said so, and whether they let us write
        self.made = {}  # by payment
        self.own = {name: self.stage.api("POST", "/keys", {"role": "publisher", "owner": name})["key"] for name in self.publishers[::3]}
        for publisher in self.publishers[::2]:
            self.say(publisher, ends=False)

    def say(self, publisher, ends):
        """A publisher says it, or the operator does, who alone confirms a rate and ends a mandate."""
        rate, key = self.dice.choice(RATES), self.own.get(publisher) if self.dice.random() < 0.5 and not ends else None
        body = {"legal_name": "Plume & fils", "country": "FR", "mandate": not ends} | ({"vat_rate": rate, "vat_number": f"FR{rate}"} if rate != "0" else {})
        status, _, _ = self.stage.request("PUT", f"/api/v1/publishers/{publisher}/billing", self.play.json(body).encode(),
                                          {"Authorization": f"Bearer {key or self.stage.key}", "Content-Type": "application/json"})  # fmt: skip
        self.play.differ(("billing", publisher), 200, status)
        before = self.parties.get(publisher, {"rate": None, "confirmed": False})
        confirmed = not key or before["confirmed"] and before["rate"] == Fraction(rate)
        self.parties[publisher] = {"rate": Fraction(rate), "confirmed": confirmed, "mandate": not ends}

    def step(self):
        self.say(self.dice.choice(self.publishers), ends=self.dice.random() < 0.15)

    def due(self, payee, lines):
        """What a statement lists, its net and its VAT; None if there is none to write."""
        party = self.parties.get(payee)
        net = -sum(line["amount"] for line in self.unstated(lines))
        if not party or not party["mandate"] or not net:
            return None
        return self.unstated(lines), net, money.half_up(abs(net) * party["rate"] / 100) * (1 if net > 0 else -1)

    def unstated(self, lines):
        """Without those of orders that were paid before without a statement: their VAT was never paid."""
        return [line for line in lines if not line.get("stated") and not self.was_paid_without(line)]

    def was_paid_without(self, line):
        posted = line["order"]["posted"] if line["order"] else []
        return any(other["account"] == line["account"] and other["payment"] and not other.get("stated") for other in posted)

    def is_unconfirmed(self, payee):
        return self.parties[payee]["rate"] > 0 and not self.parties[payee]["confirmed"]

    def write(self, payment, account, lines, net, vat):
        """With a payment; the line of its VAT is held with those that are paid, and goes on no other statement."""
        currency = payment["currency"]
        for line in lines:
            line["stated"] = True
        self.world.post(currency, vat, "vat:deductible", account, settles=True)
        line = {"account": account, "amount": -vat, "order": None, "payment": payment, "at": self.world.now, "stated": True}
        self.world.lines[account, currency].append(line)
        payment["lines"].append(line)
        self.made[payment["id"]] = (payment["payee"], currency, net, vat, net + vat)

    def said(self):
        """What differs in the statements that there are, and in their numbers."""
        theirs, serials = {}, defaultdict(list)
        for row in self.stage.pages("/statements"):
            currency = row["net"]["currency"]
            theirs[row["payment"]] = (row["publisher"], currency, *(rules.minor(row[name]["amount"], currency) for name in ("net", "vat", "gross")))
            serials[row["number"][:5]].append(int(row["number"][5:]))
        wrong = [(name, "due", self.made.get(name), "said", theirs.get(name)) for name in self.made | theirs if self.made.get(name) != theirs.get(name)]
        return wrong + [(year, found) for year, found in serials.items() if found != list(range(len(found), 0, -1))]

"""Invoices and credit notes with their VAT, payments of them, and the conversions that wait for a payment."""

import datetime
from collections import defaultdict
from fractions import Fraction

from life import rules
from life.rules import money


class Billing:
    def __init__(self, play):
        self.play, self.dice, self.world, self.stage, self.cast = play, play.dice, play.world, play.stage, play.cast
        self.invoices = defaultdict(list)  # by merchant and currency, oldest first
        self.payments = {}  # by movement: merchant and currency, how much, and the invoice that it names
        self.numbers = defaultdict(int)
        self.stage.api("PATCH", "/seller", {"name": "Ristourne SAS", "address": "1 rue de la Paix\n75002 Paris", "country": "FR", "vat_number": "FR40303265045"})
        self.rates = {}
        for merchant, rate in zip(self.cast.merchants, ["20", "5.5", "0", "20", "19.6"]):
            self.rates[merchant] = Fraction(rate)
            vat = {"vat_rate": rate} | ({"vat_mention": "Autoliquidation"} if rate == "0" else {})
            if merchant == self.cast.merchants[-1]:
                vat["prepaid"] = True
                self.world.prepaid.add(merchant)
            self.stage.api("PATCH", f"/merchants/{merchant}", {"legal_name": "Customer SA", "address": "2 quai", "country": "FR"} | vat)

    def step(self):
        for merchant in self.cast.merchants:
            self.issue(merchant, self.dice.choice(["EUR", "EUR", "EUR", "GBP", "JPY", "USD", "KWD"]))
        for _ in range(3):
            self.pay()

    # Documents

    def issue(self, merchant, currency):
        """Everything up to the end of a day, rather of last month."""
        today = datetime.datetime.fromtimestamp(self.world.now / 1000, datetime.UTC).date()
        until = self.dice.choice([None, today.isoformat()])
        last = today if until else today.replace(day=1) - datetime.timedelta(days=1)
        lines = [line for line in self.world.lines[f"merchant:{merchant}:owed", currency] if line["payment"] is None and day(line["at"]) <= last]
        net = sum(line["amount"] for line in lines)
        body = {"merchant": merchant, "currency": currency} | ({"until": until} if until else {})
        status, said = self.stage.post("/invoices", self.play.json(body))
        self.play.count("invoice", status)
        self.play.differ(("invoice", body), (201, None) if net else (409, "nothing_to_invoice"), (status, said.get("code")))
        if not net or status != 201:
            return
        vat = money.half_up(abs(net) * self.rates[merchant] / 100) * (1 if net > 0 else -1)
        kind = "invoice" if net > 0 else "credit_note"
        self.numbers[kind, today.year] += 1
        amounts = [rules.minor(said[name]["amount"], currency) for name in ("net", "vat", "gross")]
        due = [abs(net), abs(vat), abs(net + vat)] if amounts[0] > 0 else [net, vat, net + vat]
        self.play.differ(("invoice", said["id"]), (kind, f"{today.year}-{self.numbers[kind, today.year]:06}", due), (said["kind"], said["number"], amounts))
        invoice = {"id": said["id"], "merchant": merchant, "currency": currency, "total": net + vat, "lines": lines}
        for line in lines:
            line["payment"] = invoice
        self.invoices[merchant, currency].append(invoice)
        self.world.post(currency, vat, f"merchant:{merchant}:owed", "vat:collected", settles=True)
        self.look(merchant, currency)

    def open(self, merchant, currency):
        """What is open of each document: payments that name it count first, then comes one pool, for the oldest first."""
        invoices, pool, named = self.invoices[merchant, currency], 0, defaultdict(int)
        for of, amount, invoice in self.payments.values():
            if of == (merchant, currency):
                named[invoice] += amount
        pool = named.pop(None, 0) + sum(max(named[invoice["id"]] - invoice["total"], 0) for invoice in invoices if invoice["total"] > 0)
        pool += sum(-invoice["total"] for invoice in invoices if invoice["total"] < 0)
        left = {}
        for invoice in invoices:
            rest = max(invoice["total"] - named[invoice["id"]], 0)
            taken = min(max(pool, 0), rest)
            pool -= taken
            left[invoice["id"]] = rest - taken
        return left

    # Payments

    def pay(self):
        """Of an invoice: all of it, a part, or more."""
        some = [invoice for invoices in self.invoices.values() for invoice in invoices if invoice["total"] > 0]
        if not some:
            return
        invoice = self.dice.choice(some[-12:])
        amount = max(1, int(invoice["total"] * self.dice.choice([Fraction(1), Fraction(1), Fraction(1, 3), Fraction(5, 4)])))
        status, said = self.stage.post(f"/invoices/{invoice['id']}/payments", self.play.json({"amount": rules.text(amount, invoice["currency"])}))
        self.play.count("invoice paid", status)
        self.play.differ(("payment", invoice["id"], amount), 201, status)
        self.world.post(invoice["currency"], amount, "cash", f"merchant:{invoice['merchant']}:owed", settles=True)
        self.payments[said["id"], len(self.payments)] = ((invoice["merchant"], invoice["currency"]), amount, invoice["id"])
        self.look(invoice["merchant"], invoice["currency"])

    def settled(self, movement, currency, amount, debit, credit):
        """A payment without an invoice, a repayment, a debt written off."""
        if credit.startswith("merchant:"):
            self.payments[movement] = ((credit.split(":")[1], currency), amount, None)
            self.look(credit.split(":")[1], currency)
        elif debit.startswith("merchant:") and credit == "cash":
            self.payments[movement] = ((debit.split(":")[1], currency), -amount, None)

    def undone(self, movement, currency, debit, credit):
        self.payments.pop(movement, None)
        for account in (debit, credit):
            if account.startswith("merchant:"):
                self.look(account.split(":")[1], currency)

    def statuses(self):
        """How each document stands at the end: what is open of it, by our count and by theirs."""
        theirs = {row["id"]: rules.minor(row["open"]["amount"], row["open"]["currency"]) for row in self.stage.pages("/invoices")}
        ours = {name: left for of in self.invoices for name, left in self.open(*of).items()}
        return [(name, "due", ours.get(name), "said", theirs.get(name)) for name in ours | theirs if ours.get(name) != theirs.get(name)]

    # Conversions that wait

    def moved(self, merchant, currency, order):
        """An order's row has changed: it may be covered by credit, and others too."""
        if self.world.status(order) == "approved" and self.world.books[f"merchant:{merchant}:owed", currency] <= 0:
            self.look(merchant, currency)

    def look(self, merchant, currency):
        """Who waits no longer."""
        waits = self.world.waits[merchant, currency] = [order for order in self.world.waits[merchant, currency] if not order["merchant_paid"]]
        waiting = [order for order in waits if self.world.status(order) == "approved"]
        if not waiting:
            return
        credit = self.world.books[f"merchant:{merchant}:owed", currency] <= 0
        left = self.open(merchant, currency)
        listed = defaultdict(list)
        for invoice in self.invoices[merchant, currency]:
            for line in invoice["lines"]:
                # What an invoice takes back asks for no money.
                if line["order"] and line["amount"] > 0:
                    listed[line["order"]["key"]].append(invoice)
        for order in waiting:
            on = listed[order["key"]]
            if credit or (on and not any(left[invoice["id"]] for invoice in on)):
                order["merchant_paid"] = True
                self.world.settle(order)


def day(at):
    return datetime.datetime.fromtimestamp(at / 1000, datetime.UTC).date()

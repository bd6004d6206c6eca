"""Money that moves beside orders: bonuses, fees, payments, what is written off or waived; and each of them undone."""

from life import rules

CURRENCIES = ["EUR", "EUR", "EUR", "GBP", "USD", "JPY", "KWD"]


class Beside:
    """Each operation is sent at once; the server's refusal must be ours."""

    def __init__(self, play):
        self.play, self.dice, self.world, self.stage, self.cast = play, play.dice, play.world, play.stage, play.cast
        self.made = []  # what can be undone: id, and what it posted

    def step(self):
        kinds = [self.bonus, self.fee, self.payment, self.repayment, self.write_off, self.write_off_merchant, self.waiver, self.bank_charge, self.reverse]
        self.dice.choices(kinds, [4, 4, 4, 1, 3, 1, 2, 1, 3])[0]()

    def amount(self, currency, most=40_000):
        return self.dice.randint(1, most)

    def owed(self, account, currency):
        """A balance on its usual side."""
        sum = self.world.books[account, currency]
        return sum if account.startswith("merchant:") else -sum

    def make(self, path, body, currency, amount, debit, credit, most=None):
        """Sends it; `most` is what it may settle."""
        body |= {"amount": {"amount": rules.text(amount, currency), "currency": currency}}
        due = 201 if most is None or amount <= most else 422
        status, said = self.stage.post(path, self.play.json(body))
        self.play.count(path.split("/")[-1], status)
        self.play.differ((path, body, most), (due, "exceeds_balance" if due == 422 else None), (status, said.get("code")))
        if due == status == 201:
            # Payments, credit paid back and debts written off settle what a merchant owes; they stand on no invoice.
            settles = debit.startswith("merchant:") and credit == "cash" or credit.startswith("merchant:")
            self.world.post(currency, amount, debit, credit, settles)
            self.made.append((said["id"], currency, amount, debit, credit, settles))
            if self.play.billing:
                self.play.billing.settled(said["id"], currency, amount, debit, credit)

    def bonus(self):
        buyer, funder = self.dice.choice(self.cast.buyers), self.dice.choice(["platform", *self.cast.merchants])
        currency = self.dice.choice(CURRENCIES)
        debit = "promotions:spent" if funder == "platform" else f"merchant:{funder}:owed"
        self.make("/bonuses", {"buyer": buyer, "funded_by": funder, "reason": "goodwill"}, currency, self.amount(currency), debit, f"buyer:{buyer}:payable")

    def fee(self):
        merchant, currency = self.dice.choice(self.cast.merchants), self.dice.choice(CURRENCIES)
        self.make(f"/merchants/{merchant}/fees", {"reason": "a month"}, currency, self.amount(currency), f"merchant:{merchant}:owed", "platform:fees")

    def payment(self):
        merchant, currency = self.dice.choice(self.cast.merchants), self.dice.choice(CURRENCIES)
        self.make(f"/merchants/{merchant}/payments", {}, currency, self.amount(currency, 400_000), "cash", f"merchant:{merchant}:owed")

    def repayment(self):
        merchant, currency = self.dice.choice(self.cast.merchants), self.dice.choice(CURRENCIES)
        account = f"merchant:{merchant}:owed"
        self.settle(f"/merchants/{merchant}/repayments", {}, currency, -self.owed(account, currency), account, "cash")

    def settle(self, path, body, currency, most, debit, credit):
        """Something that only a balance allows: mostly within it."""
        amount = self.dice.choice([most, most // 2, most // 3, most + 1]) if most > 0 else self.dice.randint(1, 10)
        self.make(path, body, currency, max(amount, 1), debit, credit, most)

    def write_off(self):
        """A payee's debt, rather one that there is."""
        below = [key for key in self.world.books if key[0].endswith(":payable") and not key[0].startswith("unclaimed") and self.world.books[key] > 0]
        payee = self.dice.choice(self.cast.publishers + self.cast.buyers)
        account, currency = self.dice.choice(below) if below and self.dice.random() < 0.8 else (self.payable(payee), self.dice.choice(CURRENCIES))
        self.settle("/write-offs", {"owner": account.split(":")[1], "reason": "gone"}, currency, -self.owed(account, currency), "losses", account)

    def write_off_merchant(self):
        merchant, currency = self.dice.choice(self.cast.merchants), self.dice.choice(CURRENCIES)
        account = f"merchant:{merchant}:owed"
        self.settle("/write-offs", {"owner": merchant, "reason": "insolvent"}, currency, self.owed(account, currency), "losses", account)

    def waiver(self):
        account, currency = self.payable(self.dice.choice(self.cast.publishers + self.cast.buyers)), self.dice.choice(CURRENCIES)
        self.settle("/waivers", {"owner": account.split(":")[1], "reason": "asked"}, currency, self.owed(account, currency), account, "platform:revenue")

    def payable(self, payee):
        return f"{'publisher' if payee.startswith('pub_') else 'buyer'}:{payee}:payable"

    def bank_charge(self):
        self.make("/bank-charges", {}, self.dice.choice(CURRENCIES), self.dice.randint(1, 300), "bank_fees", "cash")

    def reverse(self):
        """Undoes something, now and then a second time."""
        if not self.made:
            return
        movement, currency, amount, debit, credit, settles = made = self.dice.choice(self.made)
        status, said = self.stage.post(f"/movements/{movement}/reverse", self.play.json({"reason": "a slip"}))
        self.play.differ(("reverse", made), (200, True), (status, bool(said.get("reversed_at"))))
        self.play.count("reverse", status)
        self.world.post(currency, amount, credit, debit, settles)
        self.made[self.made.index(made)] = (movement, currency, 0, debit, credit, settles)
        if self.play.billing:
            self.play.billing.undone(movement, currency, debit, credit)

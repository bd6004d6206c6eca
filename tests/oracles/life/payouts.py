"""Payouts: who is paid by a run and why others are not, batches that are cancelled, exported, settled, and payments that come back."""

import subprocess
from xml.etree import ElementTree

from life import rules
from life.rules import DAY
from life.statements import Statements
from life.world import DEBT_LIMIT

# The bank says that this account is no good: nothing more is paid to it.
BAD_ACCOUNT = ("account_closed", "wrong_iban")
GOOD_ACCOUNT = ("not_executed", "recalled", "unknown")
SCHEMA = "tests/data/payout/pain.001.001.09.xsd"
PAIN = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"


def iban(number):
    """A German one with right check digits."""
    account = f"{number:018}"
    return f"DE{98 - int(account + '131400') % 97:02}{account}"


class Payouts:
    def __init__(self, play):
        self.play, self.dice, self.world, self.stage, self.cast = play, play.dice, play.world, play.stage, play.cast
        self.methods, self.held = {}, set()
        self.open = []  # batches that the bank knows, or will
        self.settled = []  # payments that may still come back
        self.numbers, self.files = 0, []
        self.statements = Statements(play)
        stage_name = {"name": "Ristourne & Söhne", "iban": iban(7), "bic": "COBADEFFXXX"}
        self.stage.api("PUT", "/payout-debtor", stage_name)
        for payee in self.cast.publishers + self.cast.buyers[::2]:
            self.method(payee)

    def path(self, payee, what):
        return f"/{'publishers' if payee.startswith('pub_') else 'buyers'}/{payee}/{what}"

    def account(self, payee):
        return f"{'publisher' if payee.startswith('pub_') else 'buyer'}:{payee}:payable"

    def method(self, payee):
        """How somebody is paid; another account in the place of one waits for three days."""
        self.numbers += 1
        before, sepa = self.methods.get(payee), self.dice.random() < 0.8
        minimums = {} if self.dice.random() < 0.7 else {"EUR": self.dice.choice(["1.00", "25.00"]), "JPY": "300"}
        body = {"method": "sepa" if sepa else "manual", "holder": f"Payee <{self.numbers}> & Cie", "minimums": minimums}
        body |= {"iban": iban(self.numbers)} if sepa else {"details": f"Box {self.numbers}"}
        self.stage.api("PUT", self.path(payee, "payout-method"), body)
        # No bank was told of what goes to the account of before.
        self.take_out(payee)
        self.methods[payee] = {"sepa": sepa, "minimums": minimums, "since": self.world.now if before else None, "returned": False, "number": self.numbers}

    def take_out(self, payee):
        for batch in self.open:
            for payment in batch["payments"] if batch["state"] == "prepared" else []:
                if payment["payee"] == payee:
                    self.cancel(payment)

    def step(self):
        """What an operator does of a day."""
        for payee in self.dice.sample(self.cast.publishers + self.cast.buyers, 2):
            self.method(payee)
        self.statements.step()
        payee = self.dice.choice(self.cast.publishers + self.cast.buyers)
        self.held ^= {payee}
        self.stage.api("PUT", self.path(payee, "payout-hold"), {"held": payee in self.held, "reason": "asked"})
        if payee in self.held:
            self.take_out(payee)
        for batch in list(self.open):
            self.go_on(batch)
        for payment in self.dice.sample(self.settled, min(len(self.settled), 2)):
            self.bring_back(payment)
        for currency in ["EUR", self.dice.choice(["GBP", "JPY", "USD", "KWD"])]:
            self.prepare(currency)

    def why_not(self, payee, balance, currency, fee):
        method = self.methods.get(payee)
        # Whoever owes more than the operator's limit in one currency is paid in none.
        owed = {code: minor for (name, code), minor in self.world.books.items() if name == self.account(payee)}
        if balance < 0 or any(minor > DEBT_LIMIT * 10 ** rules.DECIMALS[code] for code, minor in owed.items()):
            return "debt"
        if payee in self.held:
            return "held"
        if not method:
            return "no_method"
        if method["returned"]:
            return "returned"
        if method["since"] is not None and self.world.now < method["since"] + 3 * DAY:
            return "iban_changed"
        least = rules.minor(method["minimums"].get(currency, "10"), currency)
        return "below_minimum" if balance < max(least, fee + 1) else None

    def free_lines(self, payee, currency):
        return [line for line in self.world.lines[self.account(payee), currency] if line["payment"] is None]

    def with_vat(self, payee, balance, currency, fee):
        """What is paid, or why nothing is; and what of it a statement is to say."""
        why, stated = self.why_not(payee, balance, currency, fee), self.statements.due(payee, self.free_lines(payee, currency))
        if not why and stated and self.statements.is_unconfirmed(payee):
            why = "vat_unconfirmed"
        amount = balance + (stated[2] if stated else 0)
        # VAT that is taken back may leave less than the fee.
        return why or ("below_minimum" if amount <= fee else None), amount, stated

    def prepare(self, currency):
        """A run over everybody."""
        fee = self.dice.choice([0, 0, 10 ** rules.DECIMALS[currency] // 4])
        due, stated, left_out = {}, {}, {}
        for payee in self.cast.publishers + self.cast.buyers:
            balance = -self.world.books[self.account(payee), currency]
            why, amount, statement = self.with_vat(payee, balance, currency, fee)
            if balance and why:
                left_out[payee] = why
            elif balance:
                due[payee], stated[payee] = amount, statement
        said = self.stage.api("POST", "/payouts", {"currency": currency} | ({"fee": rules.text(fee, currency)} if fee else {}))
        minor = lambda money: rules.minor(money["amount"], currency)
        self.play.differ(("payout", currency), {payee: (amount - fee, fee) for payee, amount in due.items()},
                         {payment["payee"]: (minor(payment["amount"]), minor(payment["fee"])) for payment in said["payments"]})
        self.play.differ(("left out", currency), left_out, {row["payee"]: row["why"] for row in said["left_out"] if minor(row["balance"])})
        self.play.count("payout", currency, "prepared")
        batch = {"id": said["id"], "currency": currency, "state": "prepared", "payments": []}
        for payment in said["payments"]:
            payee = payment["payee"]
            made = {"id": payment["id"], "payee": payee, "amount": due.get(payee, 0), "fee": fee, "state": "prepared", "currency": currency, "sepa": self.methods[payee]["sepa"], "number": self.methods[payee]["number"],
                    "lines": self.free_lines(payee, currency)}  # fmt: skip
            for line in made["lines"]:
                line["payment"] = made
            self.play.differ(("statement", payee, currency), bool(stated.get(payee)), bool(payment["statement"]))
            if stated.get(payee):
                self.statements.write(made, self.account(payee), *stated[payee])
            self.pays(made, self.account(payee), "payouts:in_flight", made["amount"] - fee)
            self.pays(made, self.account(payee), "platform:fees", fee)
            batch["payments"].append(made)
        self.open.append(batch)

    def pays(self, payment, debit, credit, amount):
        self.world.post(payment["currency"], amount, debit, credit, settles=True)

    def go_on(self, batch):
        """One step of a batch, as a bank and an operator take them."""
        some = self.dice.random()
        if batch["state"] == "prepared" and some < 0.25:
            self.stage.api("POST", f"/payouts/{batch['id']}/cancel", {})
            for payment in batch["payments"]:
                self.cancel(payment)
            self.open.remove(batch)
        elif batch["state"] == "prepared" and any(payment["state"] == "prepared" for payment in batch["payments"]):
            if some < 0.5:
                one = self.dice.choice([payment for payment in batch["payments"] if payment["state"] == "prepared"])
                self.stage.api("POST", f"/payouts/{one['id']}/cancel", {})
                self.cancel(one)
            self.export(batch)
            batch["state"] = "exported"
        elif batch["state"] == "prepared":
            self.open.remove(batch)
        else:
            for payment in batch["payments"]:
                if payment["state"] == "prepared" and self.dice.random() < 0.2:
                    self.bring_back(payment)
            self.stage.api("POST", f"/payouts/{batch['id']}/settle", {})
            for payment in batch["payments"]:
                if payment["state"] == "prepared":
                    self.settle(payment)
            self.open.remove(batch)

    def cancel(self, payment):
        if payment["state"] == "prepared":
            self.pays(payment, "payouts:in_flight", self.account(payment["payee"]), payment["amount"] - payment["fee"])
            self.pays(payment, "platform:fees", self.account(payment["payee"]), payment["fee"])
            self.free(payment, "cancelled")

    def free(self, payment, state):
        payment["state"] = state
        for line in payment["lines"]:
            line["payment"] = None

    def settle(self, payment):
        self.pays(payment, "payouts:in_flight", "cash", payment["amount"] - payment["fee"])
        payment["state"] = "settled"
        self.settled.append(payment)

    def bring_back(self, payment):
        """The bank says no, before or after it was paid."""
        reason = self.dice.choice(GOOD_ACCOUNT + BAD_ACCOUNT)
        self.stage.api("POST", f"/payouts/{payment['id']}/return", {"reason": reason})
        source = "cash" if payment["state"] == "settled" else "payouts:in_flight"
        self.play.count("payment returned from", source)
        self.pays(payment, source, self.account(payment["payee"]), payment["amount"] - payment["fee"])
        if payment in self.settled:
            self.settled.remove(payment)
        self.free(payment, "returned")
        method = self.methods[payment["payee"]]
        method["returned"] |= reason in BAD_ACCOUNT and method["number"] == payment["number"]

    # The file for the bank

    def export(self, batch):
        """Every payment stands in one of the two files, with its amount."""
        live = [payment for payment in batch["payments"] if payment["state"] == "prepared"]
        sepa = [payment for payment in live if batch["currency"] == "EUR" and payment["sepa"]]
        for form, payments in (("pain001", sepa), ("csv", [payment for payment in live if payment not in sepa])):
            status, _, file = self.stage.request("POST", f"/api/v1/payouts/{batch['id']}/export?format={form}", b"", {"Authorization": f"Bearer {self.stage.key}"})
            self.play.differ(("export", form, batch["id"]), 200 if payments else 409, status)
            if status == 200 and form == "pain001":
                self.read(file, batch, payments)

    def read(self, file, batch, payments):
        """Valid by its schema, with our sums and ids."""
        checked = subprocess.run(["xmllint", "--noout", "--schema", SCHEMA, "-"], input=file, capture_output=True)
        self.play.differ(("pain.001", batch["id"]), b"", checked.stderr.replace(b"- validates\n", b"") if checked.returncode else b"")
        self.files.append(batch["id"])
        root = ElementTree.fromstring(file)
        sums = [rules.minor(node.text, "EUR") for node in root.iter(f"{PAIN}CtrlSum")]
        counts = [int(node.text) for node in root.iter(f"{PAIN}NbOfTxs")]
        total = sum(payment["amount"] - payment["fee"] for payment in payments)
        self.play.differ(("control sums", batch["id"]), ({total}, {len(payments)}), (set(sums), set(counts)))
        said = {node.find(f".//{PAIN}EndToEndId").text: rules.minor(node.find(f".//{PAIN}InstdAmt").text, "EUR") for node in root.iter(f"{PAIN}CdtTrfTxInf")}
        self.play.differ(("transfers", batch["id"]), {payment["id"]: payment["amount"] - payment["fee"] for payment in payments}, said)


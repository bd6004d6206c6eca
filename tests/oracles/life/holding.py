"""What every order has come to: its status, what is due on it, and what it holds on each account."""

from collections import Counter

from life import rules


class Holding:
    """The part of a world that reads orders and keeps books; what changes orders is in `world.py`."""

    def status(self, order):
        if order["rejected"]:
            return "rejected"
        if not order["credits"]:
            return "unattributed"
        who = order["approvals"] - ({"merchant", "clock"} if self.held(order) else set()) - (set() if order["signed"] else {"clock"})
        if not who:
            return "pending"
        waits = order["terms"].get("payable_on") == "merchant_payment" and not order["merchant_paid"]
        return "approved" if waits else "payable"

    def shown(self, order):
        """The status, which is `paid` when settled payments hold each share."""
        row, due = self.row(order), self.due(order)
        payees = {account: -amount for account, amount in row.items() if account.startswith(("publisher:", "buyer:")) and amount < 0}
        held = Counter()
        for line in order["posted"]:
            if line["payment"] and line["payment"].get("state") == "settled":
                held[line["account"]] -= line["amount"]
        nobodys = due["buyer"] > 0 and not order["buyer"]
        # What was refunded after it was paid stays paid, but not by a payment that only took it back.
        paid = (payees or held) and not nobodys and all(held[account] >= amount for account, amount in payees.items()) and min(held.values(), default=0) >= 0
        return "paid" if self.status(order) == "payable" and paid else self.status(order)

    def flags(self, order):
        """What is special about it."""
        due = self.due(order)
        amount = lambda refund: refund["amount"] if "amount" in refund else sum(item["amount"] for item in refund["items"])
        given, back = sum(map(amount, order["refunds"].values())), order["amount"] - sum(due["amounts"])
        flags = {"unsigned": not order["signed"], "held": self.held(order), "unclaimed": due["buyer"] > 0 and not order["buyer"], "refunded": back > 0, "over_refunded": given > back}
        return sorted(name for name, on in flags.items() if on)

    def due(self, order):
        if order["due"] is None:
            refunds, credits = list(order["refunds"].values()), order["credits"]
            counted = rules.due(order["terms"], order, order["sold"], refunds, credits, order["expired"])
            if order["rejected"] or not credits:
                counted |= {"commission": 0, "parts": [0] * len(credits), "buyer": 0, "platform": 0}
            order["due"] = counted
        return order["due"]

    def hold(self, order):
        """Keeps the balances of the moment, for what depends on one."""
        order["bonuses"] = self.loyalty.refresh(order)
        waits = {"pending": self.status(order) == "pending", "unclaimed": self.due(order)["buyer"] > 0 and not order["buyer"]}
        for where, of in (("pending", self.pending), ("unclaimed", self.unclaimed)):
            of.pop(order["key"], None)
            of |= {order["key"]: order} if waits[where] else {}
        row = self.row(order)
        for account in set(row) | set(order["row"]):
            change = row[account] - order["row"][account]
            self.books[account, order["currency"]] += change
            self.line(account, order["currency"], change, order)
        order["row"] = row
        if self.billing:
            self.billing.moved(self.programs[order["program"]]["merchant"], order["currency"], order)

    def row(self, order):
        """What an order holds, debits positive."""
        due, status, program = self.due(order), self.status(order), order["program"]
        state, books = status if status in ("pending", "approved") else "payable", Counter()
        owed, kept = ("pending", "platform:pending") if status == "pending" else ("owed", "platform:revenue")
        books[f"merchant:{self.programs[program]['merchant']}:{owed}"] += due["commission"]
        for credit, part in zip(order["credits"], due["parts"]):
            books[f"publisher:{credit['publisher']}:{state}"] -= part
        books[f"buyer:{order['buyer']}:{state}" if order["buyer"] else f"unclaimed:{program}:{state}"] -= due["buyer"]
        books[kept] -= due["platform"]
        for funder, buyer, amount in order["bonuses"]:
            promised = "promotions:pending" if status == "pending" else "promotions:spent"
            books[promised if funder == "platform" else f"merchant:{self.programs[program]['merchant']}:{owed}"] += amount
            books[f"buyer:{buyer}:{state}"] -= amount
        return books

    def post(self, currency, amount, debit, credit, settles=False):
        """An event beside the orders: `amount` from one account to another. What settles lines is none itself."""
        for account, change in ((debit, amount), (credit, -amount)):
            self.beside[account, currency] += change
            self.books[account, currency] += change
            if not settles:
                self.line(account, currency, change, None)

    def line(self, account, currency, amount, order):
        """A line of a payee, free for the next payout; or of what a merchant owes, for the next invoice."""
        if amount and (account.endswith(":payable") and not account.startswith("unclaimed") or account.endswith(":owed")):
            line = {"account": account, "amount": amount, "order": order, "payment": None, "at": self.now}
            self.lines[account, currency].append(line)
            if order:
                order["posted"].append(line)

    def balances(self):
        """Counted from what every order holds at the end, and from the events beside them."""
        sums = Counter(self.beside)
        for order in self.orders.values():
            for account, amount in self.row(order).items():
                sums[account, order["currency"]] += amount
        return {key: amount for key, amount in sums.items() if amount}

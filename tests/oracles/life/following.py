"""What is said of an order after its sale, or before it: refunds, cancellations, verdicts, adjustments. They form a set."""

from life import rules


class Following:
    """The part of a world that judges what follows sales."""

    def about(self, key, act, *what):
        """Something that names an order: done now, or kept until its sale is known."""
        if key in self.orders:
            answer = act(self.orders[key], *what)
            self.settle(self.orders[key])
            return answer
        known = [fact for fact in self.parked[key] if self.same_place(fact, (act, *what))]
        if not known:
            self.parked[key].append((act, *what))
            return 202, "parked"
        return (200, "duplicate") if known[0] == (act, *what) or act != self.refund else (409, "refund_conflict")

    def same_place(self, one, other):
        """Whether two facts stand in one place of the set: a refund by its number, one each of the others."""
        return one[0] == other[0] and one[1] == other[1] and (one[0] != self.approve or one[2] == other[2])

    def refund(self, order, number, refund):
        if number in order["refunds"]:
            return (200, "duplicate") if order["refunds"][number] == refund else (409, "refund_conflict")
        wrong, known = self.misfit(order, refund), order["refused"].get(number)
        if wrong and order["signed"]:
            # Of one that came before its sale nobody was told: it counts when an adjustment makes room.
            order["refused"] |= {number: refund} if order["key"] not in self.orders else {}
            return 422, wrong
        if known and known != refund:
            return (422, wrong) if wrong else (409, "refund_conflict")
        if wrong:
            # The shop's own word may be of a larger order than the picture's.
            order["refused"][number] = refund
            return (200, "duplicate") if known else (202, "parked")
        order["refunds"][number] = refund
        return 201, "recorded"

    def misfit(self, order, refund):
        """None, or why the refund cannot be one of this order."""
        if refund["currency"] != order["content"]["currency"]:
            return "currency_mismatch"
        return rules.lies_within(refund, order["lines"], order["sold"])

    def end(self, order, what):
        """Cancel or reject: each counts once."""
        if what in order["ended"]:
            return 200, "duplicate"
        order["ended"].add(what)
        return 201, "recorded"

    def approve(self, order, _, who):
        if order["approvals"] & {who}:
            return 200, "duplicate"
        order["approvals"].add(who)
        return 201, "recorded"

    def adjust(self, key, amount):
        """Sets what was sold; the last word counts, and the same again changes nothing."""
        order = self.orders[key]
        if order["adjusted"] == amount:
            return 200, "duplicate"
        order["adjusted"] = amount
        self.scale(order)
        self.judge_again(order)
        self.settle(order)
        return 201, "recorded"

    def judge_again(self, order):
        """What was refused, now that the order is another or larger."""
        for number, refund in list(order["refused"].items()):
            if not self.misfit(order, refund):
                order["refunds"][number] = order["refused"].pop(number)

    def scale(self, order):
        """What was sold, by an adjustment if there is one: the lines in proportion."""
        weights = [line["amount"] for line in order["lines"]]
        order["amount"] = order["content"]["amount"] if order["adjusted"] is None else order["adjusted"]
        order["sold"] = rules.money.largest_remainder(order["amount"], weights if any(weights) else [1] + weights[1:])

    def reopen(self, key):
        """Takes every refusal away; a later one counts anew."""
        self.orders[key]["ended"] = set()
        self.settle(self.orders[key])

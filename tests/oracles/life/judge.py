"""Verdicts of merchants and operators: by conversion or by order number, one at a time or in batches; and what an operator takes back."""

from life import rules

REASONS = ["returned", "cancelled", "duplicate", "fraud", "out_of_stock", "payment_failed", "terms_not_met"]


class Judge:
    def __init__(self, play):
        self.play, self.dice, self.world, self.stage, self.cast = play, play.dice, play.world, play.stage, play.cast

    def batch(self, size):
        """Some of the merchant's own orders, or of all, each judged by itself."""
        merchant = self.dice.choice([None, *self.cast.merchants])
        self.play.messages.speak(merchant)
        items = [self.item(merchant) for _ in range(size)]
        status, said = self.stage.post("/conversions/verdicts", self.play.json([item for item, _ in items]), self.cast.keys.get(merchant))
        assert status == 200, said
        for (item, due), result in zip(items, said["results"], strict=True):
            self.play.done += 1
            self.play.count("verdict", item["verdict"], *due)
            self.play.differ(("verdict", item), due, (result["http"], result.get("code") or result["status"]))

    def item(self, merchant):
        key = self.play.messages.some()
        program, goal, number = key
        item = {"program": program, "order_id": number} | ({"type": goal} if goal != "sale" else {})
        if key in self.play.ids and self.dice.random() < 0.5:
            item = {"conversion": self.play.ids[key]}
        verdict = self.dice.choice(["approve", "approve", "reject", "adjust"])
        if verdict == "approve":
            return item | {"verdict": verdict}, self.world.about(key, self.world.approve, "approve", "merchant" if merchant else "operator")
        item |= {"verdict": verdict, "reason": self.dice.choice(REASONS)}
        if verdict == "reject":
            return item, self.world.about(key, self.world.end, "reject")
        if key not in self.world.orders:
            return item | {"amount": "1"}, (422, "not_recorded")
        currency = self.world.orders[key]["content"]["currency"]
        amount = max(1, int(self.world.orders[key]["amount"] * self.dice.choice([0.5, 0.9, 1, 1.2])))
        return item | {"amount": rules.text(amount, currency)}, self.world.adjust(key, amount)

    def reopen(self):
        key = self.play.known()
        self.world.reopen(key)
        said = self.stage.api("POST", f"/conversions/{self.play.ids[key]}/reopen", {"reason": "other", "reason_text": "It was another order."})
        self.play.compare(key, said)
        self.play.count("reopen", "done")

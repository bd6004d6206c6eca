"""The desk for missing cashback: buyers claim orders before and after their sale, merchants and the operator answer."""

from collections import Counter

from life import dice as d
from life import rules
from life.claims import COMPETING_CLAIMS, OPEN
from life.rules import DAY, MINUTE

REFUSALS = ["no_visit", "order_not_found", "order_not_found", "not_eligible", "already_credited_elsewhere", "cancelled_or_returned", "too_late"]


class Desk:
    def __init__(self, play):
        self.play, self.dice, self.world, self.stage, self.cast = play, play.dice, play.world, play.stage, play.cast
        self.claims, self.messages = play.world.claims, play.messages
        self.made = []
        self.reserved = {}  # clicks of sales that are to come: by whom they are claimed

    def step(self):
        self.dice.shuffle(self.messages.planned)
        for _ in range(14):
            self.after()
        for _ in range(10):
            self.before()
        for _ in range(14):
            self.answer()

    # Claims

    def claimant(self, program, order=None):
        """Somebody who was at the shop by a click of theirs, in time for the order; or anybody."""
        theirs = []
        for click in self.world.clicks.values():
            owner = click["buyer"] or (click["tied"] and click["tied"][1])
            in_time = order is None or 0 <= order["occurred"] - click["at"] <= 60 * DAY
            if click["program"] == program and owner in self.cast.claimants and in_time:
                theirs.append((owner, click["at"]))
        if theirs and self.dice.random() < 0.85:
            return self.dice.choice(theirs[-40:])
        return self.dice.choice(self.cast.claimants), self.world.now - 9 * DAY

    def after(self):
        """Of a sale that is known, rather of one that credits nobody or is nobody's yet."""
        for _ in range(20):
            key = self.messages.some()
            order = self.world.orders.get(key)
            # Open in the rules: whether a share that is gone for good is there again when the shop's own word makes the sale nobody's.
            gone = order and not order["credits"] and order["expired"]
            if key[1] == "sale" and order and not gone and (not order["buyer"] or self.dice.random() < 0.1) and (order["signed"] or self.in_time(order)):
                break
        else:
            return
        buyer, _ = self.claimant(key[0], order)
        claimed = self.claims.of_order.get(key)
        if claimed and (not COMPETING_CLAIMS or self.dice.random() < 0.4):
            buyer = claimed[0]["buyer"]
        self.claim(buyer, key, order["occurred"] if self.dice.random() < 0.5 else None)

    def in_time(self, order):
        return not order["expired"] and self.world.now < self.world.claimed_until(order)

    def before(self):
        """Of one that the shop sends later, or never."""
        program = self.dice.choice(self.cast.programs)
        buyer, visited = self.claimant(program)
        self.messages.numbers += 1
        key = (program, "sale", f"{self.world.programs[program]['name']}-{self.messages.numbers}")
        occurred = min(visited + self.dice.randrange(60, 20_000) * MINUTE, self.world.now - 20 * MINUTE)
        ordered = occurred if self.dice.random() < 0.7 else None
        if self.dice.random() < 0.05:
            ordered = self.world.now + self.dice.choice([-400 * DAY, 60 * MINUTE])
        made = self.claim(buyer, key, ordered)
        if COMPETING_CLAIMS and self.dice.random() < 0.4:
            self.claim(self.claimant(program)[0], key, occurred)
        if made and self.dice.random() < 0.7:
            known = [name for name in self.cast.clicks[program][-60:] if self.world.clicks[name]["at"] <= occurred and not self.world.clicks[name]["tied"]]
            clicks = self.dice.sample(known, 1) if known and self.dice.random() < 0.45 else []
            self.reserved |= {name: buyer for name in clicks}
            self.messages.planned.append((key, clicks, occurred))

    def claim(self, buyer, key, ordered):
        body = {"buyer": buyer, "program": key[0], "order_id": key[2]} | ({"ordered_at": d.iso(ordered)} if ordered else {})
        due, claim = self.claims.make(buyer, key, ordered)
        status, said = self.stage.post("/claims", self.play.json(body))
        self.play.count("claim", status, said.get("code") or said["state"])
        if claim:
            due = [(due[0][0], claim["state"])]
        self.play.differ(("claim", key, body), True, (status, said.get("code") or said["state"]) in due or (due, status, said))
        if claim and status == 201:
            claim["id"] = said["id"]
            self.made.append(claim)
        return claim

    def keep_apart(self, buyer, names):
        """Without clicks of orders that somebody else claims."""
        others = lambda order: any(claim["buyer"] != buyer for claim in self.claims.of_order.get(order["key"], ()))
        free = lambda name: self.reserved.get(name, buyer) == buyer and not any(others(order) for order in self.world.clicks[name]["sales"])
        return names if COMPETING_CLAIMS else [name for name in names if free(name)]

    def keep_untied(self, key, names):
        """Without clicks that are another's by a sign-in, of an order that is claimed."""
        buyers = {claim["buyer"] for claim in self.claims.of_order.get(key, ())}
        tied = lambda name: name in self.world.clicks and self.world.clicks[name]["tied"] and self.world.clicks[name]["tied"][1] not in buyers
        return names if COMPETING_CLAIMS or not buyers else [name for name in names if not tied(name)]

    # Answers

    def answer(self):
        if not self.made:
            return
        waiting = [claim for claim in self.made if claim["state"] in OPEN]
        claim = self.dice.choice(waiting if waiting and self.dice.random() < 0.7 else self.made[-150:])
        currency, some = self.world.programs[claim["key"][0]]["currency"], self.dice.random()
        merchant = self.world.programs[claim["key"][0]]["merchant"] if self.dice.random() < 0.6 else None
        amount = self.dice.randint(1, 20_000)
        if some < 0.45:
            named = self.dice.random() < 0.85
            body = {"amount": rules.text(amount, currency)} if named else {}
            fresh = claim["key"] not in self.world.orders
            due = self.claims.accept(claim, amount if named else None)
            said = self.tell(claim, "accept", body, merchant, due)
            if fresh and claim["key"] in self.world.orders:
                self.accepted(claim, body, said)
        elif some < 0.75:
            reason = self.dice.choice(REFUSALS)
            self.tell(claim, "refuse", {"reason": reason}, merchant, self.claims.refuse(claim, reason))
        else:
            if claim["goodwill"] and self.dice.random() < 0.6:
                amount, funder = claim["goodwill"]
            else:
                funder = "merchant" if merchant else self.dice.choice(["platform", "merchant"])
            if merchant and funder == "platform":
                merchant = None
            body = {"amount": rules.text(amount, currency), "funded_by": funder}
            said = self.tell(claim, "goodwill", body, merchant, self.claims.goodwill(claim, amount, funder))
            claim["movement"] = said.get("movement") or claim.get("movement")

    def tell(self, claim, verb, body, merchant, due):
        status, said = self.stage.post(f"/claims/{claim['id']}/{verb}", self.play.json(body), self.cast.keys.get(merchant))
        self.play.count(f"claim {verb}", *due)
        self.play.differ((f"claim {verb}", claim["key"], claim["buyer"], claim["id"], body), due, (status, said.get("code") or said["state"]))
        return said

    def accepted(self, claim, body, said):
        """The shop may send the order yet, or speak of it."""
        order, key = self.world.orders[claim["key"]], claim["key"]
        sale = {"program": key[0], "type": "sale", "order_id": key[2], "amount": body["amount"], "currency": order["currency"], "occurred_at": d.iso(order["occurred"])}
        self.messages.sent[key] = (sale, order["content"], [], order["occurred"])
        self.messages.keys.append(key)
        if "conversion" in said:
            self.play.ids[key] = said["conversion"]

    def states(self):
        """Where each claim stands at the end, by our reading and by theirs."""
        theirs = {row["id"]: row for row in self.stage.pages("/claims")}
        found = [] if len(theirs) == len(self.made) else [("claims", len(self.made), "said", len(theirs))]
        for claim in self.made:
            row = theirs.get(claim["id"], {})
            conversion = self.play.ids.get(claim["key"]) if claim["state"] in ("matched", "accepted") else None
            reason = claim["reason"] if claim["state"] == "refused" else None
            due = (claim["state"], reason, conversion, claim.get("movement"))
            said = (row.get("state"), row["steps"][-1].get("reason"), row.get("conversion"), row.get("movement")) if row else None
            found += [(claim["id"], claim["key"], "due", due, "said", said)] if due != said else []
        return found

    def count(self):
        return Counter(claim["state"] for claim in self.made)

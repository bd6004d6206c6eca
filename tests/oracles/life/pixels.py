"""Unsigned sales, as a browser sends them through a picture: recorded until the shop's own word comes, and never in its place."""

from urllib.parse import urlencode

from life import dice as d
from life import rules


class Pixels:
    def __init__(self, play):
        self.play, self.dice, self.world, self.stage, self.cast = play, play.dice, play.world, play.stage, play.cast
        self.messages = play.messages
        self.sent = []

    def step(self, count):
        for _ in range(count):
            some = self.dice.random()
            if some < 0.6 or len(self.sent) < 5:
                self.fresh()
            elif some < 0.75:
                self.again(*self.dice.choice(self.sent[-50:]))
            elif some < 0.85:
                key, body, clicks = self.dice.choice(self.sent[-50:])
                self.again(key, body | {"amount": rules.text(self.dice.randint(1, 30_000), body["currency"])}, clicks)
            else:
                self.of_another()

    def fresh(self):
        self.messages.numbers += 1
        program = self.dice.choice(self.cast.pixels)
        key = (program, "sale", f"{self.world.programs[program]['name']}-{self.messages.numbers}")
        currency = self.world.programs[program]["currency"] if self.dice.random() < 0.9 else self.dice.choice(["USD", "GBP", "JPY", "EUR"])
        amount = max(1, int(self.dice.lognormvariate(3.4, 1) * 10 ** rules.DECIMALS[currency])) * (100 if currency == "JPY" else 1)
        clicks = self.dice.sample(self.cast.clicks[program][-40:], 1) if self.dice.random() < 0.85 else self.dice.choice([[], ["nothing"]])
        body = {"program": program, "order_id": key[2], "amount": rules.text(amount, currency), "currency": currency}
        body |= {"click_id": clicks[0]} if clicks else {}
        self.sent.append((key, body, clicks))
        if self.send(key, body, clicks)[0] < 300:
            self.messages.keys.append(key)
            content, occurred = self.content(body), self.world.now + self.world.moments
            self.messages.sent[key] = (body | {"type": "sale", "occurred_at": d.iso(occurred)}, content, clicks, occurred)
            if self.dice.random() < 0.6:
                self.messages.to_sign.append((key, currency))

    def again(self, key, body, clicks):
        self.send(key, body, clicks)

    def of_another(self):
        """A picture says something of an order that the shop signed, perhaps the very same."""
        self.messages.speak(None)
        key = self.messages.some()
        body, content, clicks, _ = self.messages.sent[key]
        if key[0] in self.cast.pixels and key[1] == "sale":
            small = {name: body[name] for name in ("program", "order_id", "amount", "currency")}
            self.send(key, small | ({"click_id": clicks[0]} if clicks else {}), clicks[:1])

    def content(self, body):
        amount = rules.minor(body["amount"], body["currency"])
        line = {"sku": None, "category": None, "quantity": 1, "amount": amount}
        return {"amount": amount, "currency": body["currency"], "lines": [line], "coupon": None, "ref": None, "status": None}

    def send(self, key, body, clicks):
        due = self.world.sale(key, self.content(body), clicks, self.world.moment(), signed=False)
        status, headers, _ = self.stage.request("GET", "/pixel.gif?" + urlencode(body))
        said = headers["Ristourne-Verdict"]
        self.play.count("pixel", *due)
        words = {due[1]} | ({"unattributed", "parked"} if due[0] == 202 else set())
        self.play.differ(("pixel", key, body), (200, True), (status, said in words or (due, said)))
        return due

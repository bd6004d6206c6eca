"""Tables from elsewhere: clicks of any time, to the millisecond at the edges of a sale's window, and sales that name them."""

import csv
import io
import json

from life import dice as d
from life.rules import DAY, MINUTE

WEEK = 7 * DAY
COLUMNS = ["program", "type", "order_id", "amount", "currency", "click_ids", "occurred_at", "customer_ref", "customer_status", "coupon", "channel", "items"]


class Tables:
    def __init__(self, play):
        self.play, self.dice, self.world, self.stage, self.cast = play, play.dice, play.world, play.stage, play.cast
        self.sent = 0

    def send(self, sales):
        """Clicks first, then the sales that they led to."""
        planned = [self.plan() for _ in range(sales)]
        self.clicks([click for _, _, clicks in planned for click in clicks])
        known = self.known()
        lines, due = [], {"imported": 0, "duplicates": 0, "rejected": 0}
        self.play.messages.speak(None)
        for program, occurred, clicks in planned:
            key = (program, "sale", f"{self.world.programs[program]['name']}-table-{self.sent}-{len(lines)}")
            body, _, (http, word) = self.play.messages.sale(key, [known[click["sub1"]] for click in clicks], occurred)
            ids = body.get("click_ids", []) + ([body["click_id"]] if "click_id" in body else [])
            customer = {f"customer_{name}": value for name, value in body.get("customer", {}).items()}
            items = {"items": json.dumps(body["items"])} if "items" in body else {}
            lines.append(body | customer | items | {"click_ids": ",".join(ids)})
            due["rejected" if http == 422 else "imported"] += 1
            self.play.count("imported sale", http, word)
        said = self.upload("sales", COLUMNS, lines)
        self.play.done += len(lines)
        self.play.differ(("imported sales", self.sent), due, {name: said[name] for name in due})

    def plan(self):
        """A program, when its sale was, and its clicks: some of them just inside or just outside. (Whole seconds would be spread.)"""
        program = self.dice.choice(self.cast.programs)
        occurred = self.world.now - self.dice.choice([0, 2, 9]) * DAY - self.dice.randrange(20, 1_000) * MINUTE + 500
        window = self.world.terms(program, occurred)[1].get("attribution", {}).get("window_days", 30) * DAY
        edges = [window, window + 1, -MINUTE, -MINUTE - 1, WEEK, WEEK - 1, 2 * WEEK, 1, 90 * MINUTE]
        clicks = []
        for before in self.dice.sample(edges, self.dice.randint(1, 4)) + [self.dice.randrange(40 * DAY // 1_000) * 1_000]:
            self.sent += 1
            publisher = self.dice.choice(self.cast.publishers)
            quality = self.dice.choices(["ok", "duplicate", "suspect", "bot", "embedded"], [16, 1, 1, 1, 1])[0]
            # None of who claims: what their claims know of is a question of its own.
            buyer = self.dice.choice(self.cast.buyers) if self.dice.random() < 0.3 else None
            buyer = None if buyer in self.cast.claimants else buyer
            clicks.append({"slug": self.cast.links[program, publisher], "at": d.iso(occurred - before), "quality": quality, "buyer": buyer or "",
                           "sub1": f"t{self.sent}", "publisher": publisher, "program": program})  # fmt: skip
        return program, occurred, clicks

    def clicks(self, clicks):
        said = self.upload("clicks", ["slug", "at", "quality", "buyer", "sub1"], clicks)
        self.play.differ("imported clicks", len(clicks), said["imported"])
        for click in clicks:
            self.world.clicks[click["sub1"]] = click

    def known(self):
        """The ids and times that these clicks have now, by their sub1."""
        rows = self.stage.request("GET", "/api/v1/clicks?format=ndjson", headers={"Authorization": f"Bearer {self.stage.key}"})[2]
        found = {}
        for row in map(json.loads, rows.splitlines()):
            sent = self.world.clicks.pop(row["sub1"], None) if row["sub1"] else None
            if sent:
                self.play.differ(("imported click", sent), d.moment(sent["at"]), d.moment(row["at"]))
                found[row["sub1"]] = row["id"]
                self.world.clicks[row["id"]] = {
                    "n": len(self.world.clicks) + self.sent, "at": d.moment(row["at"]), "program": row["program"], "publisher": row["publisher"],
                    "quality": row["quality"], "buyer": row["buyer"], "tied": None, "sales": [],
                }  # fmt: skip
        return found

    def upload(self, what, columns, lines):
        text = io.StringIO()
        table = csv.DictWriter(text, columns, extrasaction="ignore")
        table.writeheader()
        table.writerows(lines)
        headers = {"Authorization": f"Bearer {self.stage.key}", "Content-Type": "text/csv"}
        status, _, said = self.stage.request("POST", f"/api/v1/imports/{what}", text.getvalue().encode(), headers)
        assert status == 201, said
        return json.loads(said)

"""Who plays: merchants with their programs and terms, publishers with links, buyers. Signs them up on a server, and into our world."""

from fractions import Fraction

from life import rules
from life.claims import COMPETING_CLAIMS

EXCLUDED = {"when": {"category": ["gifts"]}, "pay": {"percent": "0"}, "reason": "excluded_category"}
# Name: currency and terms. `{pub_n}` is the n-th publisher.
PROGRAMS = {
    "shop": ("EUR", {
        "commission": [
            EXCLUDED,
            {"when": {"category": ["books", "music"], "customer": "new"}, "pay": {"percent": "8.125"}, "cap": {"per_order": "9.99"}},
            {"when": {"coupon": ["SAVE5", "save7"]}, "pay": {"percent": "2.5"}},
            {"pay": {"percent": "5.0001"}},
            {"when": {"type": "lead"}, "pay": {"flat": "1.50"}},
        ],
        "split": {"publisher": "60", "buyer": "30", "platform": "10"},
    }),
    "thirds": ("GBP", {
        "commission": [{"when": {"min_amount": "100.00"}, "pay": {"percent": "8.125"}}, {"when": {"category": ["toys"]}, "pay": {"flat": "1.27"}},
                       {"pay": {"percent": "3"}}],
        "split": {"publisher": "42.86", "buyer": "42.86", "platform": "14.28"},
        "attribution": {"model": "position", "stand_down_minutes": 90}, "claim_days": 20, "unclaimed_to": "platform", "hold_days": 45,
    }),
    "yen": ("JPY", {
        "commission": [{"when": {"category": ["books"]}, "pay": {"per_item": "40"}, "cap": {"per_order": "300"}}, {"pay": {"percent": "4"}}],
        "split": {"publisher": "50", "buyer": "45", "platform": "5"},
        "attribution": {"model": "linear", "window_days": 60}, "claim_days": 10, "unclaimed_to": "merchant",
    }),
    "weeks": ("USD", {
        "commission": [{"when": {"publisher": ["{pub_0}", "{pub_3}"], "customer": "returning"}, "pay": {"percent": "12"}},
                       {"when": {"customer": "new"}, "pay": {"percent": "10"}, "cap": {"per_order": "25.00"}}, {"pay": {"percent": "6.3333"}}],
        "split": {"publisher": "70", "buyer": "15", "platform": "15"},
        "attribution": {"model": "time_decay", "window_days": 45, "self_referral": "allow"}, "claim_days": 60, "hold_days": 14,
    }),
    "dinar": ("KWD", {
        "commission": [{"when": {"type": "signup"}, "pay": {"flat": "2.125"}}, {"when": {"min_amount": "20.000"}, "pay": {"percent": "7.77"}},
                       {"when": {"type": ["sale", "lead"]}, "pay": {"per_item": "0.125"}}],
        "split": {"publisher": "33.3333", "buyer": "33.3333", "platform": "33.3334"},
        "attribution": {"model": "first_click", "stand_down_minutes": 30},
    }),
    "steps": ("EUR", {
        "commission": [{"pay": {"tiers": [{"from": "0", "percent": "5"}, {"from": "90", "percent": "6.5"}, {"from": "700.00", "percent": "8"}]}}],
        "split": {"publisher": "80", "buyer": "20", "platform": "0"},
        "attribution": {"window_days": 15}, "hold_days": 10, "claim_days": 5,
    }),
    "yours": ("EUR", {
        "commission": [{"pay": {"percent": "7"}, "cap": {"per_order": "30.00"}}],
        "split": {"publisher": "0", "buyer": "100", "platform": "0"}, "hold_days": 0, "claim_days": 0, "unclaimed_to": "platform",
    }),
    "again": ("EUR", {
        "commission": [{"pay": {"percent": "9"}}], "split": {"publisher": "40", "buyer": "50", "platform": "10"}, "hold_days": 12,
        "boosts": [
            {"kind": "return", "percent_of_buyer_share": "50", "within_days": 7, "fades_to_zero_at_days": 90, "funded_by": "platform"},
            {"kind": "welcome", "flat": "5.00", "min_amount": "20.00", "budget": "90.00", "funded_by": "merchant"},
            {"kind": "code", "code": "Merci20", "flat": "2.00", "quota": 30, "funded_by": "platform"},
            {"kind": "referral", "referrer": "4.00", "friend": "2.50", "min_amount": "15.00", "budget": "161.00", "funded_by": "platform"},
            {"kind": "voucher", "code": ["Gift-1", "Gift-2", "Gift-3", "Gift-4", "gift-5"], "percent_of_buyer_share": "40", "budget": "55.00", "funded_by": "merchant"},
            {"kind": "code", "code": "DOUBLE", "percent_of_buyer_share": "100", "budget": "60.00", "funded_by": "merchant"},
        ],
    }),
    "loyal": ("EUR", {
        "commission": [{"pay": {"percent": "6"}}], "split": {"publisher": "30", "buyer": "60", "platform": "10"}, "hold_days": 3,
        "boosts": [
            {"kind": "tier", "programs": ["{again}"], "funded_by": "platform", "budget": "70.00",
             "tiers": [{"from": "0", "percent_of_buyer_share": "0"}, {"from": "50", "percent_of_buyer_share": "12.5"}, {"from": "200", "percent_of_buyer_share": "33"}]},
        ],
    }),
    "later": ("EUR", {
        "commission": [{"pay": {"percent": "10"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}, "hold_days": 7,
        "payable_on": "merchant_payment", "claim_days": 45, "unclaimed_to": "merchant",
        "boosts": [{"kind": "referral", "referrer": "3.00", "friend": "1.00", "funded_by": "merchant"}],
    }),
    "ahead": ("EUR", {
        "commission": [{"pay": {"percent": "2"}}], "split": {"publisher": "50", "buyer": "50", "platform": "0"}, "hold_days": 5,
        "payable_on": "merchant_payment",
    }),
}  # fmt: skip
# Of the last two programs each has a merchant of its own.
MERCHANTS = 5
KINDS = ["content", "content", "coupon", "content", "tool", "cashback", "content", "coupon", "content", "cashback"]
BUYERS = 80
# Programs that take unsigned sales.
PIXELS = ("shop", "thirds", "again", "loyal", "yours", "ahead")
# Made at random: of which program, and what of them is said.
VOUCHERS = [("shop", {"count": 40, "flat": "1.25", "funded_by": "platform"}), ("loyal", {"count": 25, "percent_of_buyer_share": "22.5", "funded_by": "merchant"}),
            ("again", {"count": 25, "boost": "voucher"})]  # fmt: skip


def filled(value, names):
    """The value with the ids in the place of their names."""
    if isinstance(value, dict):
        return {key: filled(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, names) for inner in value]
    return names.get(value, value)


class Cast:
    """The ids of everybody, by number."""

    def __init__(self, dice, world, stage):
        self.stage, self.world = stage, world
        self.merchants = [stage.api("POST", "/merchants", {"name": f"Merchant {n}"})["id"] for n in range(MERCHANTS)]
        self.keys = {name: stage.api("POST", "/keys", {"role": "merchant", "owner": name})["key"] for name in self.merchants}
        self.publishers = [self.publisher(dice, n, kind) for n, kind in enumerate(KINDS)]
        self.buyers = []
        for n in range(BUYERS):
            self.buyer(n)
        self.programs, self.links = [], {}
        names = {f"{{pub_{n}}}": name for n, name in enumerate(self.publishers)}
        if COMPETING_CLAIMS:
            PROGRAMS["dinar"][1]["attribution"]["self_referral"] = "refuse"
        for n, (name, (currency, terms)) in enumerate(PROGRAMS.items()):
            self.programs.append(self.program(name, currency, filled(terms, names), self.merchants[n % 3 if n < len(PROGRAMS) - 2 else n - len(PROGRAMS)]))
            names[f"{{{name}}}"] = self.programs[-1]
        self.claimants = [buyer for n, buyer in enumerate(self.buyers) if n % 4 in (0, 3)]
        self.pixels = [names[f"{{{name}}}"] for name in PIXELS]
        self.vouchers = {names["{again}"]: ["GIFT-1", "gift-2", "Gift-3", "Gift-4", "Gift-5"]}
        for name, said in VOUCHERS:
            self.print_vouchers(names[f"{{{name}}}"], said)
        for program in self.programs:
            for publisher in self.publishers:
                link = stage.api("POST", "/links", {"program": program, "publisher": publisher})
                self.links[program, publisher] = link["slug"]

    def publisher(self, dice, n, kind):
        generosity = dice.choice(["0", "0", "25", "33.3333", "100"])
        mail = f"publisher{n}@example.org" if n % 3 == 0 else None
        body = {"name": f"Publisher {n}", "kind": kind, "portal": kind == "cashback", "generosity": generosity}
        made = self.stage.api("POST", "/publishers", body | ({"email": mail} if mail else {}))["id"]
        self.world.publishers[made] = {"kind": kind, "generosity": Fraction(generosity), "email": mail}
        return made

    def buyer(self, n):
        # A few buyers are publishers, too.
        mail = f"Publisher{n}@Example.org" if n in (0, 3) else f"buyer{n}@example.org" if n % 2 else None
        by = self.buyers[n // 3] if n % 3 == 1 else None
        made = self.stage.api("POST", "/buyers", ({"email": mail} if mail else {}) | ({"referred_by": by} if by else {}))
        self.world.buyers[made["id"]] = {"email": mail and mail.lower(), "ref": made["ref"], "referred_by": by}
        self.buyers.append(made["id"])

    def print_vouchers(self, program, said):
        """Codes that are good for one order each."""
        made = self.stage.api("POST", f"/programs/{program}/vouchers", said)
        path = f"/programs/{program}/vouchers/{made['id']}/codes"
        codes = [row["code"] for row in self.stage.pages(path)]
        boost = next((boost for boost in self.world.programs[program]["versions"][0][1].get("boosts", []) if boost["kind"] == said.get("boost")), said)
        for code in codes:
            self.world.loyalty.vouchers[program, code.lower()] = boost | {"kind": "voucher", "code": code, "name": said.get("boost", made["id"])}
        self.vouchers.setdefault(program, []).extend(codes)

    def program(self, name, currency, terms, merchant):
        body = {"merchant": merchant, "name": name, "currency": currency, "landing_url": "https://shop.example/", "domains": ["shop.example"], "pixel": name in PIXELS}
        made = self.stage.api("POST", "/programs", body | {"terms": terms})["id"]
        self.world.programs[made] = {"merchant": merchant, "currency": currency, "versions": [(0, terms)], "name": name}
        assert currency in rules.DECIMALS
        return made

    def owners(self):
        return [*self.merchants, *self.publishers, *self.buyers, "platform"]

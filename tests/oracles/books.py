"""A real shop's orders through a running server, and the same orders counted a second time: by our own reading of the rules in Python, by
hledger and by beancount. Every amount of every conversion, every balance, every export must be the same."""

import csv
import datetime
import gzip
import io
import subprocess
import sys
import tempfile
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import money
from network import Server, Shop

ROOT = Path(__file__).resolve().parents[2]

# One program in the shop's own currency: categories, a cap, a member's site. The other pays in euro: an exchange rate, a minimum, several
# publishers of whom one is generous.
POUNDS = {
    "commission": [
        {"when": {"category": ["services"]}, "pay": {"percent": "0"}, "reason": "excluded_category"},
        {"when": {"category": ["variants"]}, "pay": {"percent": "6.25"}, "cap": {"per_order": "4.00"}},
        {"pay": {"percent": "4.5"}},
    ],
    "split": {"publisher": "57.5", "buyer": "32.5", "platform": "10"},
}
EUROS = {
    "commission": [{"when": {"min_amount": "100.00"}, "pay": {"percent": "8.125"}}, {"pay": {"flat": "1.27"}}],
    "split": {"publisher": "42.86", "buyer": "42.86", "platform": "14.28"},
    "attribution": {"model": "position"},
}
POUND_RULES = [{"category": "services", "percent": "0"}, {"category": "variants", "percent": "6.25", "cap": 400}, {"percent": "4.5"}]
EURO_RULES = [{"from": 10_000, "percent": "8.125"}, {"flat": 127}]

passed = failed = 0


def check(what, wrong):
    """Counts one comparison; `wrong` lists what differs."""
    global passed, failed
    if wrong:
        failed += 1
        print(f"FAILED: {what}: {len(wrong)} differ, such as {wrong[:3]}")
    else:
        passed += 1
        print(f"ok: {what}")


def category(sku):
    if not sku[0].isdigit():
        return "services"
    return "goods" if sku[-1].isdigit() else "variants"


def invoices():
    """The shop's invoices that are sales: number, and lines of sku, category and pence."""
    orders = defaultdict(list)
    with gzip.open(ROOT / "tests/data/orders/online_retail_sample.csv.gz", "rt", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            pence = Decimal(row["Quantity"]) * Decimal(row["UnitPrice"]) * 100
            orders[row["InvoiceNo"]].append((row["StockCode"], category(row["StockCode"]), pence))
    whole = {number: lines for number, lines in orders.items() if all(pence == int(pence) >= 0 for _, _, pence in lines)}
    lines = {number: [(sku, kind, int(pence)) for sku, kind, pence in lines] for number, lines in whole.items()}
    return [(number, lines) for number, lines in lines.items() if sum(pence for _, _, pence in lines) > 0]


def pounds(pence):
    return f"{pence // 100}.{pence % 100:02}"


def pound_per_euro():
    """The newest rate of the ECB's file."""
    with open(ROOT / "tests/data/money/ecb-eurofxref-cut.csv", encoding="ascii") as file:
        return next(csv.DictReader(file))["GBP"]


def minor(amount):
    return int(Decimal(amount["amount"]) * 100)


class Books:
    """What each account should hold by our own count, debits positive."""

    def __init__(self):
        self.accounts = defaultdict(int)

    def post(self, account, currency, debit):
        self.accounts[account, currency] += debit

    def nonzero(self):
        return {key: amount for key, amount in self.accounts.items() if amount}


class Network:
    """Publishers, links and clicks of both programs."""

    def __init__(self, server):
        self.server = server
        self.shop = Shop(server)
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        self.rate = pound_per_euro()
        server.api("POST", "/rates", {"date": today, "rates": {"GBP": self.rate}})
        self.pound_program = self.program("GBP", POUNDS)
        self.euro_program = self.program("EUR", EUROS)
        self.buyer = server.api("POST", "/buyers", {})
        # A cashback site sends its own member; of three blogs the second gives a quarter of its part away.
        self.portal = self.publisher({"kind": "cashback", "portal": True})
        self.blogs = [self.publisher({"generosity": generosity}) for generosity in ("0", "25", "0")]
        ref = self.buyer["ref"]
        self.member_click = server.click(self.link(self.pound_program, self.portal), f"?buyer={ref}")
        self.reader_click = server.click(self.link(self.pound_program, self.blogs[0]))
        self.journey = [server.click(self.link(self.euro_program, blog)) for blog in self.blogs]

    def program(self, currency, terms):
        program = {"merchant": self.shop.id, "name": currency, "currency": currency, "landing_url": "https://shop.example/",
                   "domains": ["shop.example"], "terms": terms}
        return self.server.api("POST", "/programs", program)["id"]

    def publisher(self, more):
        return self.server.api("POST", "/publishers", {"name": "Blog"} | more)["id"]

    def link(self, program, publisher):
        return self.server.api("POST", "/links", {"program": program, "publisher": publisher})["slug"]


def sale(network, n, number, lines):
    """The postback of an invoice: odd ones for the program in euro."""
    items = [{"sku": sku, "category": kind, "quantity": 1, "amount": pounds(pence)} for sku, kind, pence in lines]
    body = {"order_id": number, "amount": pounds(sum(pence for _, _, pence in lines)), "currency": "GBP", "items": items}
    if n % 2:
        return body | {"program": network.euro_program, "click_ids": network.journey}
    return body | {"program": network.pound_program, "click_id": network.member_click if n % 4 == 0 else network.reader_click}


def refunds_of(n, lines):
    """What invoice n gets back: as postbacks say it, and as `money` reads it."""
    total = sum(pence for _, _, pence in lines)
    found = []
    if n % 10 in (0, 1):
        sku, _, pence = next(line for line in lines if line[2] > 0)
        found.append(({"refund_id": "line", "items": [{"sku": sku, "amount": pounds(pence)}]}, {"lines": [(sku, pence)]}))
    if n % 25 in (0, 7):
        found.append(({"refund_id": "third", "amount": pounds(max(total // 3, 1))}, {"amount": max(total // 3, 1)}))
    if n % 50 == 0:
        found.append(({"refund_id": "all", "amount": pounds(total)}, {"amount": total}))
    return found


def expected(network, n, lines, status, books):
    """Counts an invoice by our own rules: its commission and shares. Its row goes into the books."""
    left = money.left_of(lines, [refund for _, refund in refunds_of(n, lines)])
    if n % 2:
        program, currency, rate = network.euro_program, "EUR", 1 / Fraction(network.rate)
        credits = [(40, 0), (20, 25), (40, 0)]
        total = money.commission(lines, left, EURO_RULES, rate)
        parts, buyer, platform = money.share(total, [4286, 4286, 1428], credits)
        publishers = network.blogs
    else:
        program, currency = network.pound_program, "GBP"
        total = money.commission(lines, left, POUND_RULES)
        parts, buyer, platform = money.share(total, [575, 325, 100], [(1, 0)])
        publishers = [network.portal if n % 4 == 0 else network.blogs[0]]
    if status != "rejected":
        state = "pending" if status == "pending" else "payable"
        books.post(f"merchant:{network.shop.id}:{'pending' if state == 'pending' else 'owed'}", currency, total)
        for publisher, part in zip(publishers, parts):
            books.post(f"publisher:{publisher}:{state}", currency, -part)
        payee = f"buyer:{network.buyer['id']}" if n % 4 == 0 else f"unclaimed:{program}"
        books.post(f"{payee}:{state}", currency, -buyer)
        books.post("platform:pending" if state == "pending" else "platform:revenue", currency, -platform)
        return [total, sum(parts), buyer, platform]
    return [0, 0, 0, 0]


def status_of(n):
    return "payable" if n % 3 == 1 else "rejected" if n % 29 == 2 else "pending"


def replay(network, orders):
    """Sends everything: half of the refunds before their sale, verdicts after it."""
    refunds, sales, verdicts = [], [], []
    for n, (number, lines) in enumerate(orders):
        program = network.euro_program if n % 2 else network.pound_program
        about = {"program": program, "order_id": number}
        sales.append(sale(network, n, number, lines))
        refunds += [about | {"type": "refund", "currency": "GBP"} | refund for refund, _ in refunds_of(n, lines)]
        if status_of(n) != "pending":
            verdicts.append(about | {"type": "approve" if status_of(n) == "payable" else "reject", "reason": "as agreed"})
    answers = [
        (202, network.shop.postbacks(refunds[::2])),
        (201, network.shop.postbacks(sales)),
        (201, network.shop.postbacks(verdicts)),
        (201, network.shop.postbacks(refunds[1::2])),
    ]
    wrong = [answer for status, group in answers for answer in group if answer[0] != status]
    check(f"{len(sales)} sales, {len(refunds)} refunds and {len(verdicts)} verdicts, signed by Python, are taken", wrong)


def compare_conversions(network, orders, books):
    stored = {row["order_id"]: row for row in network.server.pages("/conversions")}
    wrong = []
    for n, (number, lines) in enumerate(orders):
        ours = expected(network, n, lines, status_of(n), books)
        row = stored.pop(number)
        theirs = [minor(row["commission"])] + [minor(row["shares"][payee]) for payee in ("publisher", "buyer", "platform")]
        if ours != theirs or row["status"] != status_of(n):
            wrong.append((number, row["status"], status_of(n), ours, theirs))
    check(f"commission and shares of {len(orders)} conversions, counted again", wrong + list(stored))


def signed(account, amount):
    """The account's usual side is the positive one in `/balances`."""
    return amount if account.startswith("merchant:") else -amount


def differences(ours, theirs):
    return [(key, ours.get(key, 0), theirs.get(key, 0)) for key in ours | theirs if ours.get(key, 0) != theirs.get(key, 0)]


def balances(network):
    """All balances of the API, debits positive."""
    rows = {}
    for owner in [network.shop.id, network.portal, *network.blogs, network.buyer["id"], "platform"]:
        for row in network.server.api("GET", f"/balances?owner={owner}")["data"]:
            if minor(row["amount"]):
                rows[row["account"], row["amount"]["currency"]] = signed(row["account"], minor(row["amount"]))
    return rows


def csv_sums(text):
    sums = defaultdict(int)
    for row in csv.DictReader(io.StringIO(text)):
        sums[row["account"].split(":", 1)[1], row["currency"]] += int(Decimal(row["amount"]) * 100)
    return {key: amount for key, amount in sums.items() if amount}


def hledger_balances(journal):
    command = ["hledger", "-f", journal, "balance", "--flat", "--no-total", "--empty", "--layout=bare", "-O", "csv"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = {}
    for row in csv.DictReader(io.StringIO(out)):
        amount = int(Decimal(row["balance"]) * 100)
        if amount:
            rows[row["account"].split(":", 1)[1], row["commodity"]] = amount
    return rows


def beancount_name(account):
    """Each part capitalised, `-` for `_`."""
    parts = account.replace("_", "-").split(":")
    return ":".join(part[0].upper() + part[1:] for part in parts)


def beancount_balances(file):
    from beancount import loader
    from beancount.core import data

    entries, errors, _ = loader.load_file(file)
    sums = defaultdict(int)
    for entry in entries:
        if isinstance(entry, data.Transaction):
            for posting in entry.postings:
                sums[posting.account.split(":", 1)[1], posting.units.currency] += int(posting.units.number * 100)
    return {key: amount for key, amount in sums.items() if amount}, errors


def succeeds(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return [] if done.returncode == 0 else [done.stdout + done.stderr]


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        server = Server(program, folder)
        try:
            network = Network(server)
            orders = invoices()
            check("the sample has 1,431 sales", [] if len(orders) == 1_431 else [len(orders)])
            replay(network, orders)
            books = Books()
            compare_conversions(network, orders, books)
            api = balances(network)
            check(f"{len(api)} balances of the API, counted again", differences(books.nonzero(), api))
            files = {}
            for name in ("hledger", "beancount", "csv"):
                files[name] = f"{folder}/ledger.{name}"
                Path(files[name]).write_text(server.run("export", "ledger", "--format", name), encoding="utf-8")
            check("verify", [] if "everything holds" in server.run("verify") else ["a breach"])
        finally:
            stopped = server.stop()
        check("the server stops in order", [] if stopped == 0 else [stopped])
        check("the CSV export sums to the balances", differences(api, csv_sums(Path(files["csv"]).read_text(encoding="utf-8"))))
        check("hledger check --strict", succeeds("hledger", "-f", files["hledger"], "check", "--strict", "ordereddates"))
        check("hledger says the same balances", differences(api, hledger_balances(files["hledger"])))
        check("bean-check", succeeds("bean-check", files["beancount"]))
        counted, errors = beancount_balances(files["beancount"])
        named = {(beancount_name(account), currency): amount for (account, currency), amount in api.items()}
        check("beancount says the same balances", differences(named, counted) + errors)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

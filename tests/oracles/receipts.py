"""What a stranger makes of a receipt: every amount of it counted again, from its JSON and the rules of money alone."""

from collections import Counter
from fractions import Fraction
import money

PARTIES = ("publisher", "buyer", "platform")
# The order ended, and what a boost would have paid ended with it.
ENDED = ("order_rejected", "order_cancelled", "nothing_left")
minor = lambda amount: int(amount["amount"].replace(".", ""))


def left_of(lines, refunds):
    """Amounts and quantities of the lines after these refunds."""
    left = []
    for value in (lambda line: minor(line["amount"]), lambda line: line["quantity"]):
        gone = [{"lines": [(line["sku"], value(line)) for line in refund["lines"] or []]} for refund in refunds]
        whole = [{"amount": minor(refund["amount"])} for refund in refunds if refund["lines"] is None and not left]
        left.append(money.left_of([(line["sku"], None, value(line)) for line in lines], gone + whole))
    return left


def commission(paid, amounts, quantities, rate):
    total = Fraction(0)
    for rule in paid["rules"]:
        base, count = (sum(values[n - 1] for n in rule["lines"]) for values in (amounts, quantities))
        tiers = [tier["percent"] for tier in rule["tiers"] or [] if minor(tier["from"]) <= minor(rule["tier_base"])]
        each = minor(rule["each"]) * (count if rule["pays"] == "per_item" else 1) if rule["each"] else 0
        exact = each + base * rate * Fraction((tiers or [rule["percent"] or 0])[-1]) / 100
        assert (minor(rule["amount"]), rule["quantity"], Fraction(rule["exact"])) == (base, count, exact), ("rule", exact)
        total += min(exact, minor(rule["cap_per_order"])) if rule["cap_per_order"] else exact
    most = commission(paid["as_sold"], *paid["sold"], rate) if paid.get("as_sold") else money.half_up(total)
    assert minor(paid["amount"]) == min(money.half_up(total), most), ("commission", total, most)
    return minor(paid["amount"])


def bonus(one, share):
    """Who pays a bonus, and how much it is."""
    exact, wanted = Fraction(one["exact"]), minor(one["wanted"])
    if one["percent"]:
        most = share * Fraction(one["percent"]) / 100
        assert minor(one["share"]) == share and (exact <= most if one["days"] is not None else exact == most), ("bonus", exact, most)
    assert wanted == money.half_up(exact), ("bonus", exact)
    paid = 0 if one["reason"] and one["reason"]["code"] in ENDED else min(wanted, minor(one["cap"]) if one["cap"] else wanted)
    assert minor(one["amount"]) == paid and (paid < wanted) == bool(one["reason"]), ("bonus", one)
    return one["funded_by"], minor(one["amount"])


def recompute(receipt):
    """What was sold and refunded, the three shares, and each publisher's part; an error where the receipt says anything else."""
    sale, split, rate, due, parts = *map(receipt.get, ("sale", "split", "rate")), [0, 0, 0], []
    sold, left = left_of(sale["lines"], []), left_of(sale["lines"], [refund for refund in sale["refunds"] if not refund["refused"]])
    sent = [minor(line["amount_sent"] or line["amount"]) for line in sale["lines"]]
    assert sold[0] == money.largest_remainder(sum(sold[0]), sent if any(sent) else [1] + sent[1:]), "adjusted lines"
    assert left == [[minor(line["amount_left"]) for line in sale["lines"]], [line["quantity_left"] for line in sale["lines"]]], "left"
    assert [sum(sold[0]), sum(sold[0]) - sum(left[0]), sum(left[0])] == [minor(sale[name]) for name in ("amount", "refunded", "left")], "sale"
    if split:
        to, of = (len(money["amount"].partition(".")[2]) for money in (receipt["commission"]["amount"], sale["amount"]))
        rate = Fraction(10) ** (to - of) * (Fraction(rate["to"]) / Fraction(rate["from"]) if rate else 1)
        earned = commission(receipt["commission"] | {"sold": sold}, *left, rate)
        percents, credits = [Fraction(split[party]["percent"]) for party in PARTIES], [(c["weight"], c["generosity"]) for c in split["credits"]]
        assert money.largest_remainder(earned, percents) == [minor(split[party]["by_terms"]) for party in PARTIES], "by terms"
        parts, *due = money.share(earned, percents, credits)
        if split["expired"]:
            gets = [due[0] if split["expired"]["to"] == party else 0 for party in PARTIES]
            parts = [part + more for part, more in zip(parts, money.largest_remainder(gets[0], [weight for weight, _ in credits]))]
            due = [0, due[1] + gets[2]]
        due = [sum(parts), *due]
        assert due == [minor(split[party]["due"]) for party in PARTIES] and parts == [minor(c["amount"]) for c in split["credits"]], due
    extra = [bonus(one, due[1]) for one in receipt["bonuses"]]
    platforms, merchants = (sum(amount for who, amount in extra if who == funder) for funder in ("platform", "merchant"))
    books = Counter()
    for posting in (posting for entry in receipt["entries"] for posting in entry["postings"]):
        books[posting["account"].split(":")[0].replace("unclaimed", "buyer")] += minor(posting["amount"])
    held = [due[0], due[1] + platforms + merchants, due[2], sum(due) + merchants, platforms]
    assert [books[party] for party in (*PARTIES, "merchant", "promotions")] == held, ("entries", books)
    return sum(sold[0]), sum(sold[0]) - sum(left[0]), due, parts

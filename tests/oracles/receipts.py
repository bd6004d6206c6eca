"""What a stranger makes of a receipt: every amount of it counted again, from its JSON and the rules of money alone."""

from collections import Counter, defaultdict
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
    assert Fraction(paid["exact"]) == total, ("exact", total)
    most = commission(paid["as_sold"], *paid["sold"], rate) if paid.get("as_sold") else money.half_up(total)
    assert not paid.get("as_sold") or paid["as_sold"]["limits"] == (money.half_up(total) > most), ("limits", total, most)
    assert minor(paid["amount"]) == min(money.half_up(total), most), ("commission", total, most)
    return minor(paid["amount"])


def promised(one, boost):
    """What the boost of the terms promises whoever gets this bonus: amounts, or a percentage and how much of it is left."""
    in_minor = lambda text: Fraction(text) * 10 ** len(one["amount"]["amount"].partition(".")[2])
    if boost["kind"] == "referral":
        return {in_minor(boost[side]) for side in ("friend", "referrer")}, None, None
    if boost["kind"] == "tier":
        reached = [tier for tier in boost["tiers"] if in_minor(tier["from"]) <= minor(one["base"])]
        return None, reached[-1]["percent_of_buyer_share"], 1
    left = 1
    if boost["kind"] == "return":
        within, zero = boost["within_days"], boost["fades_to_zero_at_days"]
        left = 1 if one["days"] <= within else Fraction(max(zero - one["days"], 0), zero - within)
    return {in_minor(boost["flat"])} if boost.get("flat") else None, boost.get("percent_of_buyer_share"), left


def bonus(one, share, boosts):
    """Who pays a bonus, and how much it is; by the boosts of its terms, if they are there."""
    exact, wanted = Fraction(one["exact"]), minor(one["wanted"])
    if one["percent"]:
        most = share * Fraction(one["percent"]) / 100
        assert minor(one["share"]) == share and (exact <= most if one["days"] is not None else exact == most), ("bonus", exact, most)
    ended = bool(one["reason"]) and one["reason"]["code"] in ENDED
    if boosts is not None:
        assert one["funded_by"] == boosts[one["boost"]]["funded_by"] and one["kind"] == boosts[one["boost"]]["kind"], ("boost", one)
    # What a bonus that went with its order was worked out from went with it.
    if boosts is not None and not ended:
        flat, percent, left = promised(one, boosts[one["boost"]])
        assert exact in flat if flat else Fraction(one["percent"]) == Fraction(percent) and exact == share * Fraction(percent) / 100 * left, ("terms", one)
    assert wanted == money.half_up(exact), ("bonus", exact)
    paid = 0 if ended else min(wanted, minor(one["cap"]) if one["cap"] else wanted)
    assert minor(one["amount"]) == paid and (paid < wanted) == bool(one["reason"]), ("bonus", one)
    return one["funded_by"], minor(one["amount"])


def sums(amounts):
    """What any of these add up to."""
    found = {0}
    for amount in amounts:
        found |= {amount + other for other in found}
    return found


def check_payments(receipt):
    """Each payment pays some of its payee's lines, and no line is in two that are live; `paid` is what settled payments hold whole. Gives who is paid."""
    lines, live, settled = defaultdict(list), Counter(), Counter()
    for posting in (posting for entry in receipt["entries"] for posting in entry["postings"]):
        _, owner, *stage = posting["account"].split(":") if ":" in posting["account"] else (None, None)
        if stage == ["payable"]:
            lines[owner].append(minor(posting["amount"]))
    for payment in receipt["payments"]:
        assert minor(payment["amount"]) in sums(lines[payment["payee"]]), ("payment", payment, lines[payment["payee"]])
        live[payment["payee"]] += minor(payment["amount"]) if payment["status"] != "returned" else 0
        settled[payment["payee"]] += minor(payment["amount"]) if payment["status"] == "settled" else 0
    for payee, amount in live.items():
        assert amount in sums(lines[payee]), ("payments together", payee, amount, lines[payee])
    unclaimed = [owner for owner in lines if owner.startswith("prg_") and sum(lines[owner])]
    whole = all(settled[owner] >= sum(amounts) for owner, amounts in lines.items() if owner not in unclaimed)
    assert receipt["status"] != "paid" or whole and not unclaimed and settled, ("paid", settled, dict(lines))
    return {owner for owner, amount in settled.items() if amount >= sum(lines[owner])}


def check_refunds(receipt):
    """Each is the sum of its lines and no larger than the order; the flags say what they come to together."""
    sale, counted = receipt["sale"], [refund for refund in receipt["sale"]["refunds"] if not refund["refused"]]
    most = minor(sale["largest"])
    known = max(minor(sale[name]) for name in ("amount", "adjusted_from") if sale[name])
    assert most >= known if sale["adjusted_from"] else most == known, ("largest", most)
    for refund in sale["refunds"]:
        assert refund["lines"] is None or sum(minor(line["amount"]) for line in refund["lines"]) == minor(refund["amount"]), ("refund", refund)
        assert refund["refused"] or minor(refund["amount"]) <= most, ("refund", refund, most)
    given, back = sum(minor(refund["amount"]) for refund in counted), minor(sale["refunded"])
    assert [flag in receipt["flags"] for flag in ("refunded", "over_refunded")] == [back > 0, given > back], ("flags", given, back)


def check_cashback(receipt, share, paid):
    """What the buyer reads is the buyer's share, without bonuses, and where the buyer's money is, whatever the publishers wait for."""
    cashback, status = receipt.get("cashback"), receipt["status"]
    assert status != "unattributed" or not cashback, "cashback of nobody"
    if share:
        state = {"pending": "tracked", "approved": "confirmed"}.get(status) or ("paid" if receipt["buyer"] in paid else "payable")
        state = state if receipt["buyer"] else "unclaimed"
        assert cashback and cashback["state"] == state, ("cashback", cashback, status)
    assert not cashback or minor(cashback["amount"]) == share, ("cashback", cashback, share)


def recompute(receipt, boosts=None):
    """What was sold and refunded, the three shares, and each publisher's part; an error where the receipt says anything else."""
    sale, split, rate, due, parts = *map(receipt.get, ("sale", "split", "rate")), [0, 0, 0], []
    sold, left = left_of(sale["lines"], []), left_of(sale["lines"], [refund for refund in sale["refunds"] if not refund["refused"]])
    sent = [minor(line["amount_sent"] or line["amount"]) for line in sale["lines"]]
    assert sold[0] == money.largest_remainder(sum(sold[0]), sent if any(sent) else [1] + sent[1:]), "adjusted lines"
    check_refunds(receipt)
    assert sum(sent) == minor(sale["adjusted_from"] or sale["amount"]), "adjusted from"
    assert left == [[minor(line["amount_left"]) for line in sale["lines"]], [line["quantity_left"] for line in sale["lines"]]], "left"
    assert [sum(sold[0]), sum(sold[0]) - sum(left[0]), sum(left[0])] == [minor(sale[name]) for name in ("amount", "refunded", "left")], "sale"
    if split:
        to, of = (len(money["amount"].partition(".")[2]) for money in (receipt["commission"]["amount"], sale["amount"]))
        rate = Fraction(10) ** (to - of) * (Fraction(rate["to"]) / Fraction(rate["from"]) if rate else 1)
        earned = commission(receipt["commission"] | {"sold": sold}, *left, rate)
        percents, credits = [Fraction(split[party]["percent"]) for party in PARTIES], [(c["weight"], c["generosity"]) for c in split["credits"]]
        assert money.largest_remainder(earned, percents) == [minor(split[party]["by_terms"]) for party in PARTIES], "by terms"
        parts, *due = money.share(earned, percents, credits)
        gifts = [before - after for before, after in zip(money.largest_remainder(minor(split["publisher"]["by_terms"]), [weight for weight, _ in credits]), parts)]
        assert gifts == [minor(credit["gift"]) for credit in split["credits"]], ("gifts", gifts)
        if split["expired"]:
            assert minor(split["expired"]["amount"]) == due[0], ("expired", due[0])
            gets = [due[0] if split["expired"]["to"] == party else 0 for party in PARTIES]
            parts = [part + more for part, more in zip(parts, money.largest_remainder(gets[0], [weight for weight, _ in credits]))]
            due = [0, due[1] + gets[2]]
        due = [sum(parts), *due]
        assert due == [minor(split[party]["due"]) for party in PARTIES] and parts == [minor(c["amount"]) for c in split["credits"]], due
    extra = [bonus(one, due[1], boosts) for one in receipt["bonuses"]]
    check_cashback(receipt, due[1], check_payments(receipt))
    platforms, merchants = (sum(amount for who, amount in extra if who == funder) for funder in ("platform", "merchant"))
    books = Counter()
    for posting in (posting for entry in receipt["entries"] for posting in entry["postings"]):
        books[posting["account"].split(":")[0].replace("unclaimed", "buyer")] += minor(posting["amount"])
    held = [due[0], due[1] + platforms + merchants, due[2], sum(due) + merchants, platforms]
    assert [books[party] for party in (*PARTIES, "merchant", "promotions")] == held, ("entries", books)
    return sum(sold[0]), sum(sold[0]) - sum(left[0]), due, parts

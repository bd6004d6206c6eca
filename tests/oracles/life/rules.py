"""What one order is worth, from its facts: which touches count, who is credited, what is left, what is due. Pure functions of plain values;
amounts are minor units, times are milliseconds."""

from fractions import Fraction

import money

MINUTE, DAY = 60_000, 86_400_000
DECIMALS = {"EUR": 2, "USD": 2, "GBP": 2, "CHF": 2, "JPY": 0, "KWD": 3, "ISK": 0}


def minor(text, currency):
    """The digits of an amount as minor units."""
    exact = Fraction(text) * 10 ** DECIMALS[currency]
    assert exact.denominator == 1, (text, currency)
    return exact.numerator


def text(amount, currency):
    """The other way."""
    places = DECIMALS[currency]
    digits = str(abs(amount)).zfill(places + 1)
    return ("-" if amount < 0 else "") + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def judge_touches(clicks, sent, program, occurred, window):
    """The touches among the clicks that were sent, oldest first, and the code of the last that is none."""
    good, code = {}, "no_click" if not sent else None
    for name in sent:
        click = clicks.get(name)
        if click is None:
            code = "unknown_click"
        elif click["program"] != program:
            code = "wrong_program"
        elif click["quality"] == "embedded":
            code = "click_embedded"
        elif click["at"] > occurred + MINUTE:
            code = "click_after_sale"
        elif occurred - click["at"] > window * DAY:
            code = "click_expired"
        else:
            good[name] = click
    return sorted(good.values(), key=lambda click: (click["at"], click["n"])), code


def stand_down(touches, minutes, kinds):
    """Without coupon sites and tools that came in shortly after a content publisher."""
    left = []
    for n, touch in enumerate(touches):
        before = (other for other in touches[:n] if kinds[other["publisher"]] == "content")
        late = kinds[touch["publisher"]] in ("coupon", "tool") and any(touch["at"] - other["at"] < minutes * MINUTE for other in before)
        left += [] if late else [touch]
    return left


def weigh(model, touches, occurred):
    """The touches that are credited, oldest first, and their weights."""
    if model == "last_click":
        return touches[-1:], [1]
    if model == "first_click":
        return touches[:1], [1]
    if model == "time_decay":
        return touches, [Fraction(1, 2 ** (max(occurred - touch["at"], 0) // (7 * DAY))) for touch in touches]
    if model == "position" and len(touches) > 2:
        between = len(touches) - 2
        return touches, [Fraction(40), *[Fraction(20, between)] * between, Fraction(40)]
    return touches, [1] * len(touches)


def fits(when, line, sale, whole):
    """Whether all conditions of a rule hold for a line. `whole` is the order's exact amount in the program's minor units."""
    listed = lambda name: when[name] if isinstance(when[name], list) else [when[name]]
    if sale["type"] not in (listed("type") if "type" in when else ["sale"]):
        return False
    if "category" in when and line["category"] not in listed("category"):
        return False
    if "customer" in when and sale["customer"] not in listed("customer"):
        return False
    if "coupon" in when and (sale["coupon"] or "").lower() not in [code.lower() for code in listed("coupon")]:
        return False
    if "publisher" in when and sale["newest"] not in listed("publisher"):
        return False
    return "min_amount" not in when or whole >= minor(when["min_amount"], sale["currency"])


def pays(rule, amount, quantity, sale):
    """What a rule pays for its lines together, exactly."""
    pay, currency = rule["pay"], sale["currency"]
    if "percent" in pay:
        exact = amount * Fraction(pay["percent"]) / 100
    elif "tiers" in pay:
        reached = [tier["percent"] for tier in pay["tiers"] if minor(tier["from"], currency) <= sale["tier_base"]]
        exact = amount * Fraction(reached[-1] if reached else 0) / 100
    elif "per_item" in pay:
        exact = Fraction(minor(pay["per_item"], currency)) * quantity
    else:
        exact = Fraction(minor(pay["flat"], currency))
    return min(exact, Fraction(minor(rule["cap"]["per_order"], currency))) if "cap" in rule else exact


def commission(terms, sale, amounts, quantities, all_gone):
    """The sum of all rules, rounded once. `sale` has the order's context, `amounts` are in its own currency; what is gone has no rule."""
    if sum(amounts) == 0 and sale["amount"] > 0:
        return 0
    whole, taken = sum(amounts) * sale["factor"], {}
    for line, amount, quantity, gone in zip(sale["lines"], amounts, quantities, all_gone):
        for n, rule in enumerate(terms["commission"]):
            if not gone and fits(rule.get("when", {}), line, sale, whole):
                before = taken.get(n, (0, 0))
                taken[n] = (before[0] + amount * sale["factor"], before[1] + quantity)
                break
    return money.half_up(sum((pays(terms["commission"][n], *what, sale) for n, what in taken.items()), Fraction(0)))


def left(lines, amounts, refunds):
    """Amounts and quantities that the refunds leave of the lines, whose sold amounts are `amounts`; and which lines were given back, each
    by its own refunds."""
    named = lambda value: [{"lines": [(item["sku"], item[value]) for item in refund["items"]]} for refund in refunds if "items" in refund]
    whole = [{"amount": refund["amount"]} for refund in refunds if "items" not in refund]
    sold = [(line["sku"], None, amount) for line, amount in zip(lines, amounts)]
    by_line = money.left_of(sold, named("amount"))
    quantities = money.left_of([(line["sku"], None, line["quantity"]) for line in lines], named("quantity"))
    gone = [before > 0 and after == 0 for before, after in zip(amounts, by_line)]
    return money.left_of(sold, named("amount") + whole), quantities, gone


def due(terms, sale, sold, refunds, credits, expired):
    """Commission, the publishers' parts, the buyer's (or nobody's yet) and the platform's share. `expired`: the buyer's share fell to
    whom the terms say."""
    amounts, quantities, gone = left(sale["lines"], sold, refunds)
    most = commission(terms, sale, sold, [line["quantity"] for line in sale["lines"]], [False] * len(sold))
    total = min(commission(terms, sale, amounts, quantities, gone), most)
    split = [Fraction(terms["split"][payee]) for payee in ("publisher", "buyer", "platform")]
    weights = [credit["weight"] for credit in credits]
    parts, buyer, platform = money.share(total, split, [(credit["weight"], credit["generosity"]) for credit in credits])
    if expired:
        to = terms.get("unclaimed_to", "publisher")
        if to == "publisher":
            parts = [part + more for part, more in zip(parts, money.largest_remainder(buyer, weights))]
        elif to == "platform":
            platform += buyer
        else:
            total -= buyer
        buyer = 0
    return {"commission": total, "parts": parts, "buyer": buyer, "platform": platform, "amounts": amounts}


def lies_within(refund, lines, sold):
    """None, or why a refund by itself cannot be one of this order. An adjustment makes room, and takes none away."""
    amounts = [line["amount"] for line in lines]
    larger = lambda chosen: max(sum(amount for line, amount in zip(lines, of) if chosen(line)) for of in (amounts, sold))
    if "items" not in refund:
        return None if refund["amount"] <= larger(lambda _: True) else "refund_exceeds_order"
    if any(item["sku"] not in {line["sku"] for line in lines} for item in refund["items"]):
        return "unknown_line"
    for sku in {item["sku"] for item in refund["items"]}:
        if sum(item["amount"] for item in refund["items"] if item["sku"] == sku) > larger(lambda line: line["sku"] == sku):
            return "refund_exceeds_order"
    return None

"""The rules of money, written a second time: exact fractions, rounded where the rules say and nowhere else. Amounts are minor units."""

from fractions import Fraction


def half_up(exact):
    """To the nearest whole number, halves away from zero; of amounts that are not negative."""
    return (exact.numerator * 2 + exact.denominator) // (exact.denominator * 2)


def largest_remainder(total, weights):
    """Whole parts of `total` in proportion to `weights`; what is left over goes to the largest remainders, ties to the earlier."""
    if sum(weights) == 0:
        return [0] * len(weights)
    exact = [Fraction(total) * Fraction(weight) / sum(map(Fraction, weights)) for weight in weights]
    parts = [share.numerator // share.denominator for share in exact]
    order = sorted(range(len(weights)), key=lambda n: (parts[n] - exact[n], n))
    for n in order[: total - sum(parts)]:
        parts[n] += 1
    return parts


def left_of(lines, refunds):
    """What refunds leave of each line: those of a line first, then those by amount over what is left, in proportion."""
    left = [amount for _, _, amount in lines]
    for refund in refunds:
        for sku, amount in refund.get("lines", []):
            for n, line in enumerate(lines):
                if line[0] == sku:
                    taken = min(left[n], amount)
                    left[n] -= taken
                    amount -= taken
    by_amount = min(sum(refund.get("amount", 0) for refund in refunds), sum(left))
    return [amount - part for amount, part in zip(left, largest_remainder(by_amount, left))]


def commission(lines, left, rules, rate=Fraction(1)):
    """The sum of what each rule pays for the lines that it is the first to fit, rounded once."""
    if sum(left) == 0:
        return 0
    whole = sum(left) * rate
    by_rule = {}
    for (_, category, _), amount in zip(lines, left):
        for n, rule in enumerate(rules):
            if rule.get("category", category) == category and whole >= rule.get("from", 0):
                by_rule[n] = by_rule.get(n, 0) + amount * rate
                break
    total = Fraction(0)
    for n, amount in by_rule.items():
        pays = Fraction(rules[n]["flat"]) if "flat" in rules[n] else amount * Fraction(rules[n]["percent"]) / 100
        total += min(pays, rules[n]["cap"]) if "cap" in rules[n] else pays
    return half_up(total)


def share(total, split, credits):
    """The commission as shares of publishers, buyer and platform. `credits`: a weight and a generosity for each, oldest touch first."""
    publisher, buyer, platform = largest_remainder(total, split)
    parts = largest_remainder(publisher, [weight for weight, _ in credits])
    gifts = [part * Fraction(generosity) // 100 for part, (_, generosity) in zip(parts, credits)]
    return [part - gift for part, gift in zip(parts, gifts)], buyer + sum(gifts), platform

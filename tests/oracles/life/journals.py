"""The whole journal as other people's programs read it: CSV, hledger, beancount. Balances with debits positive, nothing that is zero."""

import csv
import io
import subprocess
from collections import Counter

from life import rules


def nonzero(sums):
    return {key: amount for key, amount in sums.items() if amount}


def from_csv(text):
    sums = Counter()
    for row in csv.DictReader(io.StringIO(text)):
        sums[row["account"].split(":", 1)[1], row["currency"]] += rules.minor(row["amount"], row["currency"])
    return nonzero(sums)


def from_hledger(file):
    """What hledger finds wrong, and its balances."""
    checked = subprocess.run(["hledger", "-f", file, "check", "--strict", "ordereddates"], capture_output=True, text=True)
    command = ["hledger", "-f", file, "balance", "--flat", "--no-total", "--empty", "--layout=bare", "-O", "csv"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = csv.DictReader(io.StringIO(said))
    sums = {(row["account"].split(":", 1)[1], row["commodity"]): rules.minor(row["balance"], row["commodity"]) for row in rows if row["commodity"]}
    return [checked.stderr] if checked.returncode else [], nonzero(sums)


def beancount_name(account):
    """Each part capitalised, `-` for `_`."""
    return ":".join(part[0].upper() + part[1:] for part in account.replace("_", "-").split(":"))


def from_beancount(file):
    """What bean-check finds wrong, and the balances."""
    from beancount import loader
    from beancount.core import data

    entries, errors, _ = loader.load_file(file)
    sums = Counter()
    for entry in entries:
        for posting in entry.postings if isinstance(entry, data.Transaction) else ():
            sums[posting.account.split(":", 1)[1], posting.units.currency] += rules.minor(str(posting.units.number), posting.units.currency)
    return errors, nonzero(sums)

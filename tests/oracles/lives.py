"""A year of a network's life in random operations, through a running server on SQLite and on PostgreSQL, and through our own reading of the
rules of money (`life/`): every answer, every conversion and every balance must be the same. `--seed` plays the same life again."""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from life import journals, play, sabotage
from life.stage import Stage, postgres

passed = failed = 0


def check(what, wrong):
    """Counts one comparison; `wrong` lists what differs."""
    global passed, failed
    if wrong:
        failed += 1
        print(f"FAILED: {what}: {len(wrong)} differ, such as", *wrong[:8], sep="\n    ")
    else:
        passed += 1
        print(f"ok: {what}", flush=True)


def differences(ours, theirs):
    return [(key, "due", ours.get(key, 0), "said", theirs.get(key, 0)) for key in ours | theirs if ours.get(key, 0) != theirs.get(key, 0)]


def verified(stage):
    """What `verify` finds."""
    try:
        said = stage.run("verify")
    except subprocess.CalledProcessError as error:
        return (error.stdout + error.stderr).splitlines()[-12:]
    return [] if "everything holds" in said else [said]


def keep_books(name, stage, folder, due):
    """The year in the books of hledger and beancount."""
    named = {(journals.beancount_name(account), currency): amount for (account, currency), amount in due.items()}
    for form, read, wanted in [("hledger", journals.from_hledger, due), ("beancount", journals.from_beancount, named)]:
        file = f"{folder}/year.{form}"
        Path(file).write_text(stage.run("export", "ledger", "--format", form), encoding="utf-8")
        errors, said = read(file)
        check(f"{name}: {form} takes the year, and says the same balances", errors + differences(wanted, said))


def live(program, folder, url, said):
    """One life on one database."""
    name, began = url.split(":")[0], time.monotonic()
    dice = random.Random(said.seed)
    times = play.moments(dice, said.operations)
    stage = Stage(program, folder, url, times[0])
    try:
        life = play.Play(dice, stage, said.operations)
        life.run(times)
        check(f"{name}: the answers to {life.done} operations of seed {said.seed}, in {time.monotonic() - began:.0f} s, at most {life.slowest:.0f} s a day", life.wrong)
        print("   ", ", ".join(f"{' '.join(map(str, what))}: {count}" for what, count in sorted(life.kinds.items(), key=str)))
        rows, due = life.rows(), life.world.balances()
        check(f"{name}: {len(rows)} conversions, one by one", life.conversions(rows) if len(rows) == len(life.world.orders) else ["another number"])
        check(f"{name}: {len(due)} balances", differences(due, life.balances()))
        check(f"{name}: {len(life.desk.made)} claims, {dict(life.desk.count())}", life.desk.states())
        if life.billing.invoices:
            check(f"{name}: what is open of each invoice", life.billing.statuses())
        statements = life.payouts.statements
        check(f"{name}: {len(statements.made)} statements", statements.said() if statements.made else ["none"])
        check(f"{name}: the exported ledger's sums", differences(due, journals.from_csv(stage.run("export", "ledger", "--format", "csv"))))
        check(f"{name}: verify", verified(stage))
        if said.books:
            keep_books(name, stage, folder, due)
        if said.sabotage:
            check(f"{name}: {len(sabotage.WRONG)} rules read wrongly, each seen", sabotage.wrong_rules(life, rows))
    finally:
        stage.stop()
    if said.sabotage and name == "sqlite":
        check("sqlite: a cent more in the database, seen by us and by verify", sabotage.wrong_cents(stage, life, folder))
    print(f"    {name}: {time.monotonic() - began:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--operations", type=int, default=15_000)
    parser.add_argument("--books", action="store_true", help="read by hledger and beancount, too")
    parser.add_argument("--sabotage", action="store_true", help="see that wrong rules and cents are seen")
    parser.add_argument("--database", choices=["sqlite", "postgres"], action="append")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if "sqlite" in (said.database or ["sqlite"]):
            live(said.program, folder, f"sqlite://{folder}/life.db", said)
        if "postgres" in (said.database or ["postgres"]):
            with postgres(folder) as url:
                live(said.program, folder, url, said)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

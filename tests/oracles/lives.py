"""A year of a network's life in random operations, through a running server on SQLite and on PostgreSQL, and through our own reading of the
rules of money (`life/`): every answer, every conversion and every balance must be the same. `--seed` plays the same life again."""

import argparse
import random
import sys
import tempfile
import time

from life import play
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


def live(program, folder, url, seed, operations):
    """One life on one database."""
    name, began = url.split(":")[0], time.monotonic()
    dice = random.Random(seed)
    times = play.moments(dice)
    stage = Stage(program, folder, url, times[0])
    try:
        life = play.Play(dice, stage, operations)
        life.run(times)
        check(f"{name}: the answers to {life.done} operations of seed {seed}, in {time.monotonic() - began:.0f} s", life.wrong)
        print("   ", ", ".join(f"{' '.join(map(str, what))}: {count}" for what, count in sorted(life.kinds.items(), key=str)))
        check(f"{name}: {len(life.world.orders)} conversions, one by one", life.conversions())
        api, due = life.balances(), life.world.balances()
        check(f"{name}: {len(due)} balances", differences(due, api))
        check(f"{name}: the exported ledger's sums", differences(due, life.ledger()))
        check(f"{name}: verify", [] if "everything holds" in stage.run("verify") else ["a breach"])
    finally:
        stage.stop()
    print(f"    {name}: {time.monotonic() - began:.0f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--database", choices=["sqlite", "postgres"], action="append")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if "sqlite" in (said.database or ["sqlite"]):
            live(said.program, folder, f"sqlite://{folder}/life.db", said.seed, said.operations)
        if "postgres" in (said.database or ["postgres"]):
            with postgres(folder) as url:
                live(said.program, folder, url, said.seed, said.operations)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

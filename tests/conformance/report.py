#!/usr/bin/env python3
"""report.py PROGRAM RESULTS: docs/conformance.md, from what `run` left in RESULTS, and from names.md."""

import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TITLE = {"local": "By the local connection", "ssh": "Over SSH, a sample"}


def table(name):
    """A file of lines of a name and a rest."""
    lines = (HERE / name).read_text().splitlines()
    return dict((line.split(None, 1) + [""])[:2] for line in lines if line.strip() and not line.startswith("#"))


def cell(text):
    """A text as a cell of a table, without what differs from run to run."""
    text = re.sub(r"/root/ansible_testing/\S*?-tmp-[^/\s]*/test/integration/", "", text)
    text = re.sub(r"\s+", " ", text).strip().replace("|", "\\|").replace("<", "&lt;")
    return text if len(text) <= 200 else text[:199] + "…"


def rows(results, classes, reasons):
    for target, rest in classes.items():
        path = results / f"{target}.json"
        if not path.exists():
            continue
        one = json.loads(path.read_text())
        passed = one["status"] == "PASS"
        far = "" if passed or one["progress"] is None else f"{one['progress']} %"
        reason = "" if passed else reasons.get(target) or f"`{one['error'].replace('`', chr(39))}`"
        yield target, rest.split()[0], one["status"].lower(), far, cell(reason)


def main():
    program, results = sys.argv[1], pathlib.Path(sys.argv[2])
    classes, reasons = table("targets.txt"), table("reasons.txt")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    commit = subprocess.run(["git", "-C", HERE, "log", "-1", "--format=%h of %cs"], capture_output=True, text=True)
    source = f", built from {commit.stdout.strip()} or later" if commit.returncode == 0 else ""
    print((HERE / "preamble.md").read_text().replace("VERSION", version + source))
    stale = set(reasons)
    for connection, title in TITLE.items():
        found = list(rows(results / connection, classes, reasons))
        if not found:
            continue
        print(f"## {title}\n")
        for kind in ["language", "module"]:
            mine = [row for row in found if row[1] == kind]
            if mine:
                print(f"{sum(row[2] == 'pass' for row in mine)} of {len(mine)} of class {kind} passed.")
        print("\n| target | class | result | how far | why |\n|---|---|---|---|---|")
        for row in found:
            print("| " + " | ".join(row) + " |")
            if row[2] != "pass":
                stale.discard(row[0])
        print()
    names = HERE / "names.md"
    if names.exists():
        print(names.read_text(), end="")
    for target in sorted(stale):
        print(f"report: {target} passed, or is unknown: its line in reasons.txt can go", file=sys.stderr)


main()

#!/usr/bin/env python3
"""summary.py TARGET KIND CODE SECONDS FOLDER: what one target's log says, as a line here and as FOLDER/TARGET.json."""

import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
MARKS = {"ok": "ok", "changed": "changed", "skipping": "skipped"}


def reference(target):
    """What the reference counts there: results, commands."""
    for line in (HERE / "targets.txt").read_text().splitlines():
        words = line.split()
        if words and words[0] == target:
            return int(words[3]), int(words[4])
    return None


def read(log):
    text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(errors="replace"))
    if "##TARGET " in text:
        text = text.split("##TARGET ", 1)[1]
    counts = dict.fromkeys(["tasks", "ok", "changed", "skipped", "failed", "ignored", "unreachable"], 0)
    task, error, unfinished = "", "", False
    for line in text.splitlines():
        # A result may go on over several lines.
        unfinished = unfinished and line.startswith("    ") and len(error) < 600
        if unfinished:
            error += " " + line.strip()
        found = re.match(r"(ok|changed|skipping|failed|fatal): \[", line)
        if line.startswith(("TASK [", "RUNNING HANDLER [")):
            counts["tasks"] += 1
            task = line.split(" [", 1)[1].rsplit("]", 1)[0]
        elif found and found[1] in MARKS:
            counts[MARKS[found[1]]] += 1
        elif found:
            counts["unreachable"] += "UNREACHABLE" in line
            counts["failed"] += 1
            error, unfinished = f"{task} :: {line[:400]}", line.endswith("{")
        elif line.startswith("...ignoring"):
            counts["ignored"] += 1
        elif re.match(r"\[?ERROR\]?[:!]|ERROR!|error(\[|:)", line):
            error = f"{task} :: {line[:400]}"
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("##RC")]
    return counts, task, error, lines[-1][:200] if lines else ""


def main():
    target, kind, code, seconds, folder = sys.argv[1:6]
    code, folder = int(code), pathlib.Path(folder)
    counts, task, error, last = read(folder / f"{target}.log")
    calls = [line for line in (folder / f"{target}.invocations").read_text(errors="replace").splitlines() if line.strip()]
    status = {0: "PASS", 97: "SETUPFAIL", 124: "TIMEOUT", 137: "TIMEOUT"}.get(code, "FAIL")
    progress, known = None, reference(target)
    if known:
        mine = counts["ok"] + counts["changed"] + counts["skipped"]
        done, whole = (mine, known[0]) if kind == "role" or known[1] < 2 else (len(calls), known[1])
        progress = 100 if code == 0 else min(99, 100 * done // max(1, whole))
    result = dict(target=target, status=status, code=code, seconds=int(seconds), kind=kind, commands=len(calls),
                  not_provided=sum("NOTPROVIDED" in call for call in calls), progress=progress, **counts,
                  error="" if code == 0 else error or task or last)
    (folder / f"{target}.json").write_text(json.dumps(result, indent=1) + "\n")
    shown = " ".join(f"{name}={result[name]}" for name in ["code", "seconds", "kind", "commands", *counts])
    if progress is not None:
        shown += f" progress={progress}%"
    print(f"{status} {target} {shown}" + (f" error={result['error']}" if code else ""), flush=True)


main()

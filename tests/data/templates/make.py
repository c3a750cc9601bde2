#!/usr/bin/env python3
"""Asks ansible-core what the lines of cases/*.txt give, and writes the answers to expected/*.json.

Run it with the interpreter of an environment that has ansible-core 2.19 (with the collections community.general,
ansible.utils and ansible.netcommon, and with passlib, bcrypt, jmespath and netaddr):

    python make.py            every file
    python make.py lookups    one file

A line is a template; one that starts with `?` is a condition, with `=` a bare expression, with `##` a comment. `\\n` in
a template is a newline. The variables are those of vars.yml, and `tree`: a copy of the folder of that name, which is
also the folder of the playbook. Every file is asked twice, with another seed for the order of Python's sets: a line
whose answers differ is no case and ends the program. `cargo test -p windlass --lib template` compares.
"""

import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def trust(value):
    from ansible.template import trust_as_template

    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, dict):
        return {key: trust(item) for key, item in value.items()}
    if isinstance(value, list):
        return [trust(item) for item in value]
    return value


def plain(value):
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return str(value)


def answer(name):
    """The answers to one file's lines, as JSON on the standard output. Each line gets variables of its own."""
    import yaml
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import init_plugin_loader
    from ansible.template import Templar, trust_as_template

    init_plugin_loader([])
    out = []
    with tempfile.TemporaryDirectory() as tree:
        shutil.copytree(HERE / "tree", tree, dirs_exist_ok=True)
        loader = DataLoader()
        loader.set_basedir(tree)
        for line in (HERE / "cases" / f"{name}.txt").read_text().splitlines():
            if not line or line.startswith("##"):
                continue
            variables = trust(yaml.safe_load((HERE / "vars.yml").read_text()))
            variables |= {"tree": tree, "ansible_search_path": [tree], "role_path": tree}
            templar = Templar(loader=loader, variables=variables)
            case = {"source": line}
            try:
                if line.startswith("?"):
                    value = templar.evaluate_conditional(trust_as_template(line[1:]))
                elif line.startswith("="):
                    value = templar.evaluate_expression(trust_as_template(line[1:]))
                else:
                    value = templar.template(trust_as_template(line.replace("\\n", "\n")))
                case["value"] = plain(value)
            except Exception as error:  # noqa: BLE001
                case["error"] = "<omit>" if type(error).__name__ == "AnsibleValueOmittedError" else str(error)
            out.append(case)
        text = json.dumps(out, indent=0, ensure_ascii=False, allow_nan=False)
        print(text.replace(tree, "<tree>"))


def ask(name, seed):
    command = [sys.executable, __file__, "--answer", name]
    environment = dict(os.environ, PYTHONHASHSEED=seed, TZ="UTC", LANG="C.UTF-8", ANSIBLE_DEPRECATION_WARNINGS="0")
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout


def main(names):
    wavering = 0
    for name in names or sorted(path.stem for path in (HERE / "cases").glob("*.txt")):
        first, second = ask(name, "1"), ask(name, "2")
        for one, two in zip(json.loads(first), json.loads(second), strict=True):
            if one != two:
                wavering += 1
                print(f"{name}: not the same twice: {one}\n    {two}", file=sys.stderr)
        (HERE / "expected" / f"{name}.json").write_text(first)
    sys.exit(1 if wavering else 0)


if sys.argv[1:2] == ["--answer"]:
    answer(sys.argv[2])
else:
    main(sys.argv[1:])

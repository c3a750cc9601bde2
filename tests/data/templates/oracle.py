#!/usr/bin/env python3
"""Renders every line of cases.txt with ansible-core and writes what came out to expected.json.

Run it with the interpreter of an environment that has ansible-core 2.19:

    python oracle.py > expected.json

A line is a template; one that starts with `?` is a condition, with `=` a bare expression. `\\n` in a line is a newline.
"""

import json
import pathlib
import sys

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template

HERE = pathlib.Path(__file__).parent


def trust(value):
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, dict):
        return {key: trust(item) for key, item in value.items()}
    if isinstance(value, list):
        return [trust(item) for item in value]
    return value


def plain(value):
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return str(value)


def main():
    init_plugin_loader([])
    variables = trust(yaml.safe_load((HERE / "vars.yml").read_text()))
    templar = Templar(loader=DataLoader(), variables=variables)
    out = []
    for line in (HERE / "cases.txt").read_text().splitlines():
        if not line or line.startswith("##"):
            continue
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
    json.dump(out, sys.stdout, indent=0, ensure_ascii=False)
    print()


main()

#!/usr/bin/env python3
"""Writes expected.json: what PyYAML makes of scalars.txt and documents.txt.

Run it where PyYAML is installed, after a change to either; the tests only read its output.
"""
import base64
import datetime
import json
import pathlib

import yaml

HERE = pathlib.Path(__file__).parent


class Loader(yaml.CSafeLoader):
    pass


def dump(value):
    if value is None:
        return {"t": "null"}
    if isinstance(value, bool):
        return {"t": "bool", "v": value}
    if isinstance(value, int):
        return {"t": "int", "v": str(value)}
    if isinstance(value, float):
        return {"t": "float", "v": repr(value)}
    if isinstance(value, str):
        return {"t": "str", "v": value}
    if isinstance(value, (datetime.date, datetime.datetime)):
        return {"t": "time", "v": value.isoformat()}
    if isinstance(value, bytes):
        return {"t": "binary", "v": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {"t": "map", "v": [[dump(k), dump(v)] for k, v in value.items()]}
    if isinstance(value, set):
        return {"t": "seq", "v": sorted((dump(k) for k in value), key=json.dumps)}
    if isinstance(value, (list, tuple)):
        return {"t": "seq", "v": [dump(item) for item in value]}
    raise TypeError(type(value))


def load(text):
    try:
        return [dump(doc) for doc in yaml.load_all(text, Loader)]
    except (yaml.YAMLError, ValueError, KeyError, AttributeError, IndexError, RecursionError) as error:
        return {"error": type(error).__name__}


def cases():
    scalars, docs = (HERE / "scalars.txt").read_text(), (HERE / "documents.txt").read_text()
    for line in scalars.split("\n"):
        if line:
            yield line
            yield f"- {line}"
            yield f"k: {line}"
    for doc in docs.split("\n%%%%\n"):
        yield doc[1:].encode().decode("unicode_escape").encode("latin-1").decode() if doc.startswith("\\") else doc


if __name__ == "__main__":
    out = [{"yaml": text, "docs": load(text)} for text in cases()]
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in out)
    (HERE / "expected.json").write_text(f"[\n{lines}\n]\n")

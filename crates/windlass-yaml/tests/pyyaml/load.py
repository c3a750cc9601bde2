"""What PyYAML makes of texts: a JSON list of texts on the standard input, a line for each on the standard output."""

import json
import sys

import generate

for text in json.load(sys.stdin):
    try:
        answer = generate.load(text)
    except Exception as error:  # noqa: BLE001
        answer = {"error": type(error).__name__}
    print(json.dumps(answer))

"""Runs modules of the reference: a line [module, arguments] comes in, a line with the result goes out.

Each runs in a fork of this process, which has everything imported already.
"""

import importlib
import json
import os
import sys

from ansible.module_utils import basic


def run(name, arguments):
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    importlib.import_module("ansible.modules." + name).main()


for line in sys.stdin:
    module, arguments = json.loads(line)
    importlib.import_module("ansible.modules." + module)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.dup2(writer, 1)
        try:
            run(module, arguments)
        except SystemExit:
            sys.stdout.flush()
        except BaseException as error:
            print(json.dumps({"failed": True, "msg": "crashed: %r" % error}))
            sys.stdout.flush()
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    print(json.dumps(json.loads(text.strip().splitlines()[-1])), flush=True)

"""Runs modules of the reference: a line [module, arguments] comes in, a line with the result goes out.

Each runs in a fork of this process, which has everything imported already.
"""

import importlib
import json
import os
import shutil
import sys
import tempfile

from ansible.module_utils import basic


def path_of(name):
    """`file` is of ansible.builtin; `ansible.posix.sysctl` of a collection."""
    if "." not in name:
        return "ansible.modules." + name
    namespace, collection, module = name.split(".", 2)
    return "ansible_collections.%s.%s.plugins.modules.%s" % (namespace, collection, module)


def run(name, arguments):
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    importlib.import_module(path_of(name)).main()


for line in sys.stdin:
    module, arguments = json.loads(line)
    importlib.import_module(path_of(module))
    reader, writer = os.pipe()
    scratch = tempfile.mkdtemp()
    arguments.setdefault("_ansible_module_name", module if "." in module else "ansible.builtin." + module)
    arguments.setdefault("_ansible_tmpdir", scratch)
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
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
    with os.fdopen(reader, encoding="utf-8", errors="surrogateescape") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    shutil.rmtree(scratch, ignore_errors=True)
    print(json.dumps(json.loads(text.strip().splitlines()[-1])), flush=True)

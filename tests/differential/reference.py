"""ansible-playbook many times over: imports ansible-core once, and is a new process for each run.

A line on the standard input is a run: {"words": [...], "folder": ..., "out": file, "errors": file}. A line on the standard
output is its exit code. Settings are those of this process's environment; a run with others needs a process of its own.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import sys

PROGRAM, LIMIT = sys.argv[1], 120

# What every run would import; plugins that do not import are no loss.
from ansible.cli.playbook import PlaybookCLI  # noqa: E402

for family in ["action", "become", "cache", "callback", "connection", "filter", "inventory", "lookup", "shell", "strategy", "test", "vars"]:
    package = importlib.import_module(f"ansible.plugins.{family}")
    before = dict(vars(package))
    for found in pkgutil.iter_modules(package.__path__):
        if found.name in ("base", "winrm", "psrp", "paramiko_ssh", "powershell"):
            continue
        try:
            importlib.import_module(f"{package.__name__}.{found.name}")
        except Exception:  # noqa: BLE001
            pass
        # The package now has its module by name, which could hide a builtin (`lookup.list`).
        if found.name in vars(package) and found.name not in before:
            delattr(package, found.name)
for name in ["executor.playbook_executor", "executor.task_queue_manager", "executor.process.worker", "executor.module_common"]:
    importlib.import_module(f"ansible.{name}")
gc.collect()
gc.freeze()


def run(wanted):
    """The whole of ansible-playbook, in the new process."""
    # What ends with this process's parent is not ours to end.
    atexit._clear()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = 250
    try:
        for number, path, flags in ((0, "/dev/null", os.O_RDONLY), (1, wanted["out"], os.O_WRONLY), (2, wanted["errors"], os.O_WRONLY)):
            opened = os.open(path, flags | os.O_CREAT | os.O_APPEND)
            os.dup2(opened, number)
            os.close(opened)
        os.chdir(wanted["folder"])
        os.environ["PWD"] = wanted["folder"]
        sys.argv = [PROGRAM, *wanted["words"]]
        PlaybookCLI.cli_executor()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException as error:  # noqa: BLE001
        print(repr(error), file=sys.stderr)
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


for line in sys.stdin:
    child = os.fork()
    if child == 0:
        run(json.loads(line))
    handle = os.pidfd_open(child)
    ended, _, _ = select.select([handle], [], [], LIMIT)
    os.close(handle)
    if not ended:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)

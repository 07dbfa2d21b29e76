"""Programs that misbehave: the right verdict or one clear line, never a traceback of ours, never a hang.

Most run in one process after each other, so that what one leaves behind would show in the next; those that need the
whole command run it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BATCH = Path(__file__).parents[1] / "simcore" / "batch_child.py"
BOTH = """
import threading
L = threading.Lock()
def lock_it():
    with L: pass
def both(*functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""

CLEAN = {
    "recursion_in_threads": """
def deeper(n): return deeper(n + 1)
def work():
    try: deeper(0)
    except RecursionError: lock_it()
both(work, work)
""",
    "recursion_in_c": """
class Same:
    def __eq__(self, other): return self == other
class Shown:
    def __repr__(self): return repr([self])
def work():
    for call in (lambda: Same() == Same(), lambda: repr(Shown())):
        try: call()
        except RecursionError: pass
        else: raise AssertionError
both(work, work)
""",
    "recursion_limit_raised": """
import sys
sys.setrecursionlimit(50_000)
def deeper(n): return n and deeper(n - 1)
both(lambda: deeper(20_000), lambda: deeper(20_000))
""",
    "thousand_threads": """
done = []
both(*[lambda: done.append(1)] * 1000)
assert len(done) == 1000
""",
    "comparisons_that_raise": """
import queue
class Odd:
    __hash__ = None
    def __eq__(self, other): raise ValueError("eq")
    def __lt__(self, other): raise ValueError("lt")
class Unhashable(Odd):
    def __hash__(self): raise ValueError("hash")
fifo, heap, shared, raised = queue.Queue(), queue.PriorityQueue(), {}, []
def work():
    fifo.put(Odd()); fifo.get(); fifo.put(Unhashable()); fifo.get()
    try: heap.put(Odd())
    except ValueError: raised.append("lt")
    for key in (Odd(), Unhashable()):
        try: shared[key] = 1
        except (TypeError, ValueError): raised.append("key")
both(work, work)
assert sorted(raised) == ["key"] * 4 + ["lt"]
threading.Thread(target=repr, args=(Unhashable(),)).start()
""",
    "locks_in_comparisons": """
import queue
class Item:
    def __init__(self, n): self.n = n
    def __lt__(self, other):
        with L: return self.n < other.n
heap = queue.PriorityQueue()
heap.put(Item(1))
both(lambda: heap.put(Item(2)), lambda: heap.put(Item(0)))
assert [heap.get().n for _ in range(3)] == [0, 1, 2]
""",
    "locks_in_finalizers": """
import gc, queue, weakref
class Thing:
    def __del__(self): lock_it()
class Last(queue.Queue):
    def _init(self, size): self.kept = None
    def _qsize(self): return 1
    def _put(self, item): self.kept = item
last = Last()
def work():
    thing = Thing(); del thing
    thing = Thing(); thing.me = thing; del thing
    gc.collect()
    last.put(Thing())
both(work, lambda: last.put(Thing()))
""",
    "callbacks_of_weak_references": """
import weakref
class Thing: pass
def work():
    thing = Thing(); reference = weakref.ref(thing, lambda _: lock_it()); del thing
both(work, work)
""",
    "exceptions_under_a_lock": """
def work():
    try:
        with L: raise ValueError
    except ValueError: pass
both(work, work)
assert not L.locked()
""",
    "exit_in_threads": """
import sys
both(lambda: sys.exit(3), lock_it)
""",
    "exit_in_main": """
import sys
threading.Thread(target=lock_it).start()
sys.exit(0)
""",
    "tracing": """
import sys
def trace(*_): return trace
sys.settrace(trace); sys.setprofile(trace); threading.settrace(trace); threading.setprofile(trace)
both(lock_it, lock_it)
""",
    "garbage_collection": """
import gc
assert gc.isenabled()
gc.disable(); assert not gc.isenabled(); gc.set_threshold(1); gc.enable()
both(lock_it, lock_it)
""",
    "own_lock_class": """
real = threading.Lock
class Lock:
    def __init__(self): self.inner = real()
    def __enter__(self): self.inner.acquire()
    def __exit__(self, *_): self.inner.release()
threading.Lock = Lock
L = threading.Lock()
both(lock_it, lock_it)
""",
    "star_imports": """
from threading import *
from queue import *
from time import *
L = RLock()
q = Queue(1)
both(lock_it, lambda: q.put(time()), lambda: q.get())
""",
    "another_directory": """
import os
os.makedirs("below", exist_ok=True)
os.chdir("below")
both(lock_it, lock_it)
""",
    "closed_streams": """
import os, sys
sys.stdout.close(); os.close(2)
both(lock_it, lock_it)
""",
    "code_from_strings": """
namespace = {"L": L}
exec("def work():\\n    with L: pass", namespace)
exec(compile("work()", "<made up>", "exec"), namespace)
both(namespace["work"], eval("lock_it"))
try: exec("def (")
except SyntaxError: pass
""",
    "modules_named_like_ours": """
import models, weft_x, checkers
both(models.work, weft_x.work, checkers.work)
""",
    "latin_source": "assert len('é') == 1\nboth(lock_it)\n",
    "wide_output": """
import sys
sys.stdout.write("x" * 5_000_000); sys.stderr.write("y" * 5_000_000)
both(lock_it, lock_it)
""",
    "own_hook": """
def hook(args): seen.append((args.exc_type, args.thread.name))
seen = []
threading.excepthook = hook
def work():
    import sys
    try: 1 / 0
    except ZeroDivisionError: threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
both(work)
assert seen == [(ZeroDivisionError, "Thread-1 (work)")]
""",
    "daemons_at_the_end": """
def forever():
    while True: event.wait(); event.clear()
event = threading.Event()
threading.Thread(target=forever, daemon=True).start()
event.set()
both(lock_it)
""",
}
FAILS = {
    "interrupt_in_worker": ("both(lock_it, lambda: exec('raise KeyboardInterrupt'))", "KeyboardInterrupt"),
    "interrupt_in_main": ("both(lock_it)\nraise KeyboardInterrupt", "KeyboardInterrupt"),
    "text_that_raises": (
        """
class Odd(Exception):
    def __str__(self): raise ValueError("no text")
    __repr__ = __str__
def work(): raise Odd
both(work)
""",
        "Odd",
    ),
    "failing_thread": ("both(lambda: 1 / 0)", "ZeroDivisionError"),
    "recursion_without_end": ("def deeper(): deeper()\nboth(deeper)", "RecursionError"),
}
TARGETS = {
    "broken_import": ("import broken", "target: syntax error in "),
    "ends_at_once": ("import os\nboth(lock_it, lambda: os._exit(3))", "os._exit(3) while other threads live at try_"),
}
BESIDE = {
    "models": BOTH + "work = lock_it\n",
    "weft_x": BOTH + "work = lock_it\n",
    "checkers": BOTH + "work = lock_it\n",
    "broken": "def f(:\n",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("bad")
    for name, text in BESIDE.items():
        (folder / f"{name}.py").write_text(text)
    programs = CLEAN | {name: text for name, (text, _) in (FAILS | TARGETS).items()}
    for name, text in programs.items():
        path = folder / f"try_{name}.py"
        path.write_text(BOTH + text)
    latin = folder / "try_latin_source.py"
    latin.write_bytes(b"# -*- coding: latin-1 -*-\n" + latin.read_text().encode("latin-1"))
    files = [str(folder / f"try_{name}.py") for name in programs]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(BATCH), "explored", "60", *files],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["name"] for answer in found] == [f"try_{name}" for name in programs], done.stderr
    return {answer["name"].removeprefix("try_"): answer for answer in found}


@pytest.mark.parametrize("name", CLEAN)
def test_odd_but_right_programs_are_clean(name: str, answers: dict[str, dict[str, Any]]) -> None:
    assert (answers[name]["refused"], answers[name]["problems"]) == ("", [])


@pytest.mark.parametrize(("name", "error"), [(name, error) for name, (_, error) in FAILS.items()])
def test_what_the_program_raises_is_its_failure(name: str, error: str, answers: dict[str, dict[str, Any]]) -> None:
    assert answers[name]["refused"] == ""
    assert [kind for _, kind in answers[name]["problems"]] == [error]


@pytest.mark.parametrize(("name", "line"), [(name, line) for name, (_, line) in TARGETS.items()])
def test_what_cannot_be_run_is_said_in_one_line(name: str, line: str, answers: dict[str, dict[str, Any]]) -> None:
    assert line in answers[name]["refused"]
    assert "\n" not in answers[name]["refused"]


def weft(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "weft", "check", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (b"", 0, ""),
        (b"def f(:\n", 2, "syntax error in "),
        (b"x = '\xe9'\n", 2, "syntax error in "),
        (b"# -*- coding: no-such-coding -*-\n", 2, "syntax error in "),
        (b"x = 1\0\n", 2, "null bytes"),
        (b"import os\nos._exit(3)\n", 0, ""),
        (b"import sys, os\nsys.stdout.close()\nos.close(1)\nos.close(2)\n", 0, ""),
        (b"class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd\n", 1, ""),
    ],
    ids=["empty", "syntax", "bytes", "coding", "null", "exit", "streams", "text"],
)
def test_the_command_ends_with_a_verdict_or_one_line(tmp_path: Path, text: bytes, code: int, line: str) -> None:
    (tmp_path / "program.py").write_bytes(text)
    done = weft(tmp_path, "program.py")
    assert done.returncode == code, done.stdout + done.stderr
    assert line in done.stderr
    assert "Traceback (most recent call last)" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1


def test_a_directory_is_no_target(tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    done = weft(tmp_path, "folder.py")
    assert done.returncode == 2
    assert "cannot read" in done.stderr

"""The standard library inside a world: what is virtual works and repeats itself, the rest is refused by name.

Each program runs in the explored world over all its schedules and once in the timed world, in a fresh process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BATCH = Path(__file__).parent / "batch_child.py"

TWO = """
import threading
def both(*functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
L = threading.Lock()
def lock_it():
    with L: pass
"""

WORKS = {
    "pipe": """
import os
r, w = os.pipe()
def write(): os.write(w, b"hello"); os.close(w)
def read():
    assert os.read(r, 10) == b"hello" and os.read(r, 10) == b"" and not os.isatty(r)
both(write, read)
""",
    "pipe_files": """
import os
r, w = os.pipe()
def write():
    with os.fdopen(w, "w") as file: file.write("one\\ntwo\\n")
def read():
    with open(r) as file: assert file.read().split() == ["one", "two"]
both(write, read)
""",
    "pipe_nonblocking": """
import os
r, w = os.pipe2(os.O_NONBLOCK)
try: os.read(r, 1)
except BlockingIOError: pass
else: raise AssertionError
sent = 0
try:
    while True: sent += os.write(w, b"x" * 1000)
except BlockingIOError: pass
assert 60_000 < sent <= 65_536, sent
os.close(r)
try: os.write(w, b"x")
except BrokenPipeError: pass
else: raise AssertionError
os.close(w)
try: os.close(w)
except OSError as error: assert error.errno == 9
else: raise AssertionError
""",
    "socketpair": """
import socket
a, b = socket.socketpair()
assert isinstance(a, socket.socket) and a.fileno() != b.fileno()
def one():
    a.sendall(b"question"); a.shutdown(socket.SHUT_WR)
    assert a.recv(100) == b"answer" and a.recv(100) == b""
def two():
    with b, b.makefile("rwb") as file:
        assert file.read(8) == b"question"
        file.write(b"answer")
both(one, two)
a.close()
""",
    "socket_timeout": """
import socket
a, b = socket.socketpair()
a.settimeout(1)
try: a.recv(1)
except TimeoutError: pass
else: raise AssertionError
b.send(b"x"); assert a.recv(1, socket.MSG_PEEK) == b"x" == a.recv(1)
del b
assert a.recv(1) == b""
""",
    "select": """
import os, select, socket
r, w = os.pipe(); a, b = socket.socketpair()
got = []
def wait():
    while len(got) < 2:
        for one in select.select([r, a], [], [])[0]:
            got.append(os.read(r, 1) if one is r else a.recv(1))
both(lambda: os.write(w, b"x"), lambda: b.send(b"y"), wait)
assert sorted(got) == [b"x", b"y"]
assert select.select([r], [w], [], 0) == ([], [w], [])
""",
    "poll_and_selectors": """
import os, select, selectors
r, w = os.pipe()
p = select.poll(); p.register(r, select.POLLIN)
assert p.poll(5) == []
with selectors.DefaultSelector() as s:
    s.register(r, selectors.EVENT_READ, "mine")
    def wait():
        [(key, events)] = s.select()
        assert key.data == "mine" and events == selectors.EVENT_READ
    both(wait, lambda: os.write(w, b"x"))
assert p.poll() == [(r, select.POLLIN)]
""",
    "asyncio": """
import asyncio
async def producer(queue):
    await queue.put(1); await asyncio.sleep(0.1); await queue.put(None)
async def main():
    queue, got = asyncio.Queue(1), []
    task = asyncio.create_task(producer(queue))
    while (item := await queue.get()) is not None: got.append(item)
    await task
    assert got == [1]
    try: await asyncio.wait_for(asyncio.Event().wait(), 2)
    except asyncio.TimeoutError: pass
    assert await asyncio.to_thread(lambda: 6) == 6
    assert await asyncio.get_running_loop().run_in_executor(None, lambda: 7) == 7
asyncio.run(main())
""",
    "asyncio_in_the_background": """
import asyncio, threading
loop = asyncio.new_event_loop()
thread = threading.Thread(target=loop.run_forever); thread.start()
async def answer():
    await asyncio.sleep(1)
    return 42
assert asyncio.run_coroutine_threadsafe(answer(), loop).result() == 42
loop.call_soon_threadsafe(loop.stop)
thread.join(); loop.close()
""",
    "asyncio_one_loop_a_thread": """
import asyncio
async def main():
    asyncio.get_running_loop(); await asyncio.sleep(1)
both(lambda: asyncio.run(main()), lock_it)
try: asyncio.get_running_loop()
except RuntimeError: pass
else: raise AssertionError
""",
    "asyncio_streams": """
import asyncio, socket
async def main():
    a, b = socket.socketpair()
    (_, writer), (reader, other) = await asyncio.open_connection(sock=a), await asyncio.open_connection(sock=b)
    writer.write(b"hello\\n"); await writer.drain(); writer.close()
    assert await reader.readline() == b"hello\\n" and await reader.read() == b""
    other.close()
asyncio.run(main())
""",
    "signal_handlers": """
import signal, asyncio
def handler(*_): raise AssertionError
assert signal.signal(signal.SIGINT, handler) is signal.default_int_handler
assert signal.getsignal(signal.SIGINT) is handler
refused = []
def elsewhere():
    try: signal.signal(signal.SIGTERM, handler)
    except ValueError: refused.append(1)
both(elsewhere)
assert refused
async def main(): asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, handler)
asyncio.run(main())
""",
    "sched": """
import sched, time
done = []
s = sched.scheduler(time.monotonic, time.sleep)
s.enter(2, 1, done.append, ("late",)); s.enter(1, 1, done.append, ("early",))
both(s.run)
assert done == ["early", "late"]
""",
    "logging": """
import logging
log = logging.getLogger("mine")
logging.basicConfig(level=logging.INFO)
assert len(logging.getLogger().handlers) == 1
both(lambda: log.info("one"), lambda: logging.getLogger("mine.inner").warning("two"))
""",
    "cached": """
import functools
class Box:
    @functools.cached_property
    def value(self):
        lock_it()
        return object()
@functools.lru_cache
def cached(n): lock_it(); return n
box = Box()
both(lambda: (box.value, cached(1)), lambda: (box.value, cached(1)))
assert box.value is box.value
""",
    "contextvars": """
import contextvars
variable = contextvars.ContextVar("variable", default=0)
def work(n):
    def run():
        assert variable.get() == 0
        variable.set(n); lock_it()
        assert variable.get() == n
    return run
both(work(1), work(2))
assert variable.get() == 0
""",
    "weakref": """
import weakref
class Thing: pass
def work():
    thing = Thing(); seen = []
    reference = weakref.ref(thing, lambda _: (lock_it(), seen.append(1)))
    weakref.finalize(thing, lock_it)
    del thing
    assert seen == [1] and reference() is None
both(work, work)
""",
    "tempfile": """
import os, tempfile
def work():
    with tempfile.NamedTemporaryFile() as file: file.write(b"x")
    with tempfile.TemporaryDirectory() as folder: assert os.path.isdir(folder)
both(work, work)
""",
    "multiprocessing_lock": """
import multiprocessing
lock, got = multiprocessing.Lock(), []
def work():
    with lock: got.append(len(got))
both(work, work)
assert got == [0, 1]
""",
    "import_in_threads": """
import sys
def work():
    import import_slow
    got.append(import_slow.finished)
got = []
both(work, work)
assert got == [True, True]
""",
    "import_cycle_in_threads": """
def one(): import import_cycle_a
def two(): import import_cycle_b
both(one, two)
""",
    "thread_at_import": """
import import_starts
assert import_starts.seen == ["import_slow"]
""",
    "threading_names": """
def work():
    me = threading.current_thread()
    assert me in threading.enumerate() and me is not threading.main_thread() and me.ident == threading.get_ident()
    assert threading.active_count() >= 2 and not me.daemon
both(work)
assert threading.enumerate() == [threading.main_thread()] and threading.active_count() == 1
""",
}
INCOMPLETE = {"sched"}
"""Programs that sleep or look again and again: their exploration is bounded."""

REPEATS = """
import asyncio, builtins, datetime, os, random, secrets, time, uuid
from datetime import datetime as imported
def sample():
    return [
        time.localtime(), time.gmtime(), time.ctime(), time.asctime(), time.strftime("%c"), time.time_ns(),
        time.clock_gettime(time.CLOCK_MONOTONIC), time.clock_gettime_ns(time.CLOCK_REALTIME), time.process_time(),
        datetime.datetime.now(), imported.now(datetime.timezone.utc), datetime.date.today(), imported.today(),
        random.random(), random.Random().random(), random.SystemRandom().random(), uuid.uuid4(),
        secrets.token_hex(4), os.urandom(4), threading.get_ident(), time.perf_counter(), time.thread_time_ns(),
    ]
samples = sample()
both(lambda: samples.extend(sample()))
text = [str(one) for one in samples]
first = vars(os).setdefault("first_sample", text)
assert text == first, [pair for pair in zip(text, first) if pair[0] != pair[1]]
assert imported.now().year == 2023 and type(imported.now()) is imported
assert len({str(uuid.uuid4()) for _ in range(10)}) == 10
both(lock_it, lock_it)
"""

LEAVES_NO_TRACE = """
import atexit, gc, logging, os, queue, sys, types, warnings
assert "MADE" not in os.environ and "/made" not in sys.path and "made_up" not in sys.modules
assert not hasattr(threading, "made") and threading.Lock is not None and not hasattr(__builtins__, "made")
assert "HOME" in os.environ and os.getcwd() != "/" and gc.isenabled() and not logging.getLogger().handlers
assert "made" not in logging.root.manager.loggerDict and logging.getLogger().level == logging.WARNING
assert sys.getrecursionlimit() != 777 and "made" not in {f[0] for f in warnings.filters}
assert not sys.stdout.closed and threading.excepthook is threading.__excepthook__
os.environ["MADE"] = "1"; sys.path.append("/made"); sys.modules["made_up"] = types.ModuleType("made_up")
threading.made = 1; threading.Lock = None; del os.environ["HOME"]; os.chdir("/"); gc.disable()
logging.basicConfig(level=logging.DEBUG); logging.getLogger("made").setLevel(1); sys.setrecursionlimit(777)
warnings.simplefilter("always"); sys.stdout.close(); threading.excepthook = sys.excepthook = lambda *_: None
queue.Queue = None; sys.stderr = None
import builtins; builtins.made = 1
both(lock_it, lock_it)
"""

AT_EXIT = """
import atexit, os, sys
threading.Thread(target=lock_it).start()
done = []
atexit.register(lambda: (lock_it(), done.append("first"), sys.stdout.flush(), check()))
atexit.register(done.append, "second")
atexit.register(lambda: 1 / 0)
forgotten = atexit.register(lambda: done.append("never")); atexit.unregister(forgotten)
def check():
    assert threading.active_count() == 1
    os.environ.setdefault("EXITS", "")
    vars(os)["exits"] = vars(os).get("exits", 0) + 1
    vars(os)["last_done"] = done
vars(os)["begun"] = vars(os).get("begun", 0) + 1
assert vars(os).get("exits", 0) == vars(os)["begun"] - 1, "not once an execution"
assert vars(os).get("last_done", ["second", "first"]) == ["second", "first"]
"""

HANGS = {
    "full_pipe": ("import os\nr, w = os.pipe()\nos.write(w, bytes(100_000))", "Pipe.write"),
    "empty_pipe": ("import os\nr, w = os.pipe()\nboth(lambda: os.read(r, 1), lambda: os.read(r, 1), "
                   "lambda: os.write(w, b'x'))", "Pipe.read"),
    "empty_socket": ("import socket\na, b = socket.socketpair()\na.recv(1)", "Socket.recv"),
    "event_loop": ("import asyncio\nasync def main(): await asyncio.Queue().get()\nasyncio.run(main())", "select"),
}  # fmt: skip

REFUSED = {
    "socket": ("import socket\nsocket.socket()", "opens a socket"),
    "connection": ("import socket\nsocket.create_connection(('127.0.0.1', 9))", "asks for a network address"),
    "server": (
        "import socketserver\nsocketserver.TCPServer(('127.0.0.1', 0), socketserver.BaseRequestHandler)",
        "opens a socket",
    ),
    "asyncio_connection": (
        "import asyncio\nasync def main(): await asyncio.open_connection('127.0.0.1', 80)\nasyncio.run(main())",
        "opens a socket",
    ),
    "asyncio_subprocess": (
        "import asyncio\nasync def main(): await asyncio.create_subprocess_exec('true')\nasyncio.run(main())",
        "starts a child process",
    ),
    "subprocess": ("import subprocess\nsubprocess.run(['true'])", "starts a child process"),
    "system": ("import os\nos.system('true')", "runs a shell command"),
    "fork": ("import os\nos.fork()", "forks the process"),
    "multiprocessing": (
        "import multiprocessing\nmultiprocessing.Process(target=print).start()",
        "starts child processes (multiprocessing)",
    ),
    "process_pool": (
        "import concurrent.futures\nwith concurrent.futures.ProcessPoolExecutor() as pool: pool.submit(abs, 1)",
        "uses a ProcessPoolExecutor",
    ),
    "interpreter": (
        # The module had another name until CPython 3.12.
        "try: import _interpreters\nexcept ImportError: import _xxsubinterpreters as _interpreters\n"
        "_interpreters.create()",
        "makes another interpreter",
    ),
    "interpreter_pool": (  # CPython 3.14 has the class; here as it is there, derived from the pool of threads
        "import concurrent.futures\n"
        "here = {'__module__': 'concurrent.futures.interpreter'}\n"
        "type('InterpreterPoolExecutor', (concurrent.futures.ThreadPoolExecutor,), here)(1)",
        "makes another interpreter",
    ),
    "input": ("input()", "reads from the keyboard"),
    "alarm": ("import signal\nsignal.alarm(1)", "asks for a signal at a later time (signal.alarm)"),
    "setitimer": ("import signal\nsignal.setitimer(0, 1)", "(signal.setitimer)"),
    "sigwait": ("import signal\nsignal.sigwait([signal.SIGINT])", "waits for a signal (signal.sigwait)"),
    "pthread_kill": ("import signal\nsignal.pthread_kill(threading.get_ident(), 2)", "sends a signal to a thread"),
    "kill": ("import os\nos.kill(os.getpid(), 15)", "sends a signal to a process"),
    "interrupt_main": ("import _thread\n_thread.interrupt_main()", "interrupts the main thread"),
    "epoll": ("import select\nselect.epoll()", "waits with select.epoll"),
    "select_outside": (
        "import os, select\nselect.select([os.open('/dev/null', os.O_RDONLY)], [], [])",
        "waits for a file or socket that leads outside",
    ),
    "dup": ("import os\nos.dup(os.pipe()[0])", "calls os.dup() on a pipe"),
    "os_exit_among_threads": (
        "import os\nboth(lock_it, lambda: os._exit(3))",
        "ends the process with os._exit(3) while other threads live",
    ),
}

MODULES = {
    "import_slow": "import threading\nwith threading.Lock(): pass\nfinished = True\n",
    "import_cycle_a": "import threading\nwith threading.Lock(): pass\nimport import_cycle_b\n",
    "import_cycle_b": "import threading\nwith threading.Lock(): pass\nimport import_cycle_a\n",
    "import_starts": """
import threading
seen = []
def work():
    import import_slow
    seen.append(import_slow.__name__)
thread = threading.Thread(target=work); thread.start(); thread.join()
""",
}

PROGRAMS = {
    **WORKS,
    "repeats": REPEATS,
    "leaves_no_trace": LEAVES_NO_TRACE,
    "at_exit": AT_EXIT,
    "os_exit_alone": "import os\nboth(lock_it, lock_it)\nos._exit(3)",
    **{name: text for name, (text, _) in HANGS.items()},
    **{name: text for name, (text, _) in REFUSED.items()},
}


def run_batch(world: str, folder: Path, programs: dict[str, str]) -> dict[str, dict[str, Any]]:
    files: list[str] = []
    for name, text in MODULES.items():
        (folder / f"{name}.py").write_text(text)
    for name, text in programs.items():
        path = folder / f"try_{name}.py"  # no module's name
        path.write_text(TWO + text)
        files.append(str(path))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(BATCH), world, "400", *files],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["name"] for answer in answers] == [f"try_{name}" for name in programs], done.stderr
    return {answer["name"].removeprefix("try_"): answer for answer in answers}


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return run_batch("explored", tmp_path_factory.mktemp("explored"), PROGRAMS)


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return run_batch("timed", tmp_path_factory.mktemp("timed"), PROGRAMS)


CLEAN = [*WORKS, "repeats", "leaves_no_trace", "at_exit", "os_exit_alone"]


@pytest.mark.parametrize("name", CLEAN)
def test_works_in_every_schedule(name: str, explored: dict[str, dict[str, Any]]) -> None:
    found = explored[name]
    assert (found["refused"], found["problems"]) == ("", [])
    assert found["exhaustive"] or name in INCOMPLETE, found["limits"]


@pytest.mark.parametrize("name", CLEAN)
def test_works_in_virtual_time(name: str, timed: dict[str, dict[str, Any]]) -> None:
    found = timed[name]
    assert (found["refused"], found["problems"]) == ("", [])


@pytest.mark.parametrize(("name", "operation"), [(name, operation) for name, (_, operation) in HANGS.items()])
def test_a_wait_for_nothing_is_a_deadlock(
    name: str, operation: str, explored: dict[str, dict[str, Any]], timed: dict[str, dict[str, Any]]
) -> None:
    assert {outcome for outcome, _ in explored[name]["problems"]} == {"deadlock"}
    assert any(what.startswith(operation) for _, what in timed[name]["problems"])


@pytest.mark.parametrize(("name", "what"), [(name, what) for name, (_, what) in REFUSED.items()])
def test_what_cannot_be_simulated_is_refused_by_name(
    name: str, what: str, explored: dict[str, dict[str, Any]], timed: dict[str, dict[str, Any]]
) -> None:
    for found in (explored[name], timed[name]):
        assert f"the program {what}" in found["refused"] or what in found["refused"]
        assert f" at try_{name}.py:" in found["refused"]
        assert "; " in found["refused"]


def test_virtual_time_drives_an_event_loop(timed: dict[str, dict[str, Any]]) -> None:
    assert timed["asyncio_in_the_background"]["seconds"] == pytest.approx(1, rel=0.01)
    assert timed["asyncio"]["seconds"] == pytest.approx(2.1, rel=0.01)

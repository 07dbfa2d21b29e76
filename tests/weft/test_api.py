"""The commands as functions: what they take, what they return and what they raise."""

from __future__ import annotations

import functools
import importlib
import json
import os
import re
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

import weft
from weft.api import target_of
from weft.checkers.finding import FindingsError
from weft.checking import GaveUp
from weft.process import ChildError
from weft.simcore.prediction import PredictionError
from weft.simcore.profile import Profile, ProfileError
from weft.simcore.target import TargetError

PROGRAM = """\
    import threading, weft

    def main(tasks=2, locked=False, seconds=0.01):
        lock = threading.Lock()

        def work():
            if locked:
                with lock:
                    weft.work(seconds)
            else:
                weft.work(seconds)

        threads = [threading.Thread(target=work) for _ in range(tasks)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    """


def taken_twice() -> None:
    lock = threading.Lock()
    with lock, lock:
        pass


def spread(tasks: int = 2) -> None:
    threads = [threading.Thread(target=weft.work, args=(50,)) for _ in range(tasks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def failing() -> None:
    raise LookupError("nothing here")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def program() -> str:
    Path("program.py").write_text(textwrap.dedent(PROGRAM))
    return "program.py:main"


# check


def test_check_of_a_function() -> None:
    result = weft.check(taken_twice)
    assert [finding.rule for finding in result.findings] == ["D006"]
    assert result.target.endswith(":taken_twice")
    with pytest.raises(FindingsError, match="D006 self-deadlock: MainThread waits for lock") as caught:
        result.raise_for_findings()
    assert caught.value.findings == result.findings
    assert not Path(".weft").exists(), "a function cannot be replayed by name, so nothing is saved"


def test_check_of_a_local_function_and_of_what_only_looks_like_one() -> None:
    ran: list[int] = []
    assert weft.check(lambda: ran.append(1)).verdict == "clean"
    assert ran
    assert weft.check(functools.partial(spread, tasks=1)).verdict == "clean"


class Counter:
    def __init__(self) -> None:
        self.value = 0

    def add(self) -> None:
        self.value += 1


def unlocked() -> None:
    """A race in a function of a test module, whose code is pytest's and not just what stands in the file."""
    counter = Counter()
    threads = [threading.Thread(target=counter.add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.value in (1, 2)


def lines_of_other_files() -> None:
    """The same in a module of its own."""
    import counting  # pyright: ignore[reportMissingImports]

    counting.race()  # pyright: ignore[reportUnknownMemberType]


def test_a_race_in_a_function_of_a_test_module() -> None:
    result = weft.check(unlocked)
    assert [finding.rule for finding in result.findings] == ["R002"]
    assert "Counter.value" in result.findings[0].message
    line = next(
        number for number, text in enumerate(Path(__file__).read_text().splitlines(), 1) if ".value += 1" in text
    )
    assert {related.at for related in result.findings[0].related} == {f"test_api.py:{line}"}
    again = weft.check(unlocked)
    assert [finding.fingerprint for finding in again.findings] == [result.findings[0].fingerprint]


def test_without_races_a_function_of_a_test_module_is_clean_and_it_is_said() -> None:
    result = weft.check(unlocked, races=False)
    assert (result.verdict, result.executions) == ("clean", 1)
    assert "shared variables are not watched" in result.limits[0]


def test_instrument_watches_modules_that_a_function_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(__file__).read_text()
    counter, race = (
        source[source.index(start) :].partition("\n\n\n")[0] for start in ("class Counter", "def unlocked")
    )
    Path("counting.py").write_text(f"import threading\n\n\n{counter}\n\n\n{race.replace('unlocked', 'race')}\n")
    monkeypatch.setattr(sys, "path", [str(Path.cwd()), *sys.path])
    monkeypatch.setitem(sys.modules, "counting", importlib.import_module("counting"))
    assert weft.check(lines_of_other_files).findings == []
    result = weft.check(lines_of_other_files, instrument=["counting"])
    assert [finding.rule for finding in result.findings] == ["R002"]
    assert result.findings[0].related[0].at.startswith("counting.py:")
    with pytest.raises(TargetError, match="nothing to instrument is called 'countin'; did you mean 'counting'"):
        weft.check(lines_of_other_files, instrument=["countin"])


def test_modules_of_the_program_that_are_not_watched_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that is loaded has hooks in its own file only, and "no race" must not claim more."""
    Path("shelf.py").write_text("class Shelf:\n    books = 0\n")
    Path("library_of_books.py").write_text(
        "import threading\nfrom shelf import Shelf\n\n\ndef main():\n    thread = threading.Thread(target=Shelf)\n"
        "    thread.start()\n    thread.join()\n"
    )
    monkeypatch.setattr(sys, "path", [str(Path.cwd()), *sys.path])
    for name in ("shelf", "library_of_books"):
        monkeypatch.setitem(sys.modules, name, importlib.import_module(name))
    main = sys.modules["library_of_books"].main
    said = "accesses inside shelf were not watched (instrument=['shelf'])"
    assert said in weft.check(main).limits
    assert said not in weft.check(main, instrument=["shelf"]).limits
    assert said not in weft.check(main, races=False).limits


def test_clean_raises_nothing() -> None:
    result = weft.check(spread, tasks=1)
    result.raise_for_findings()
    assert (result.verdict, result.parameters) == ("clean", {"tasks": 1})


def test_check_of_a_target_runs_in_a_child(program: str) -> None:
    result = weft.check(program, tasks=2, locked=True)
    assert (result.verdict, result.exhaustive, result.executions) == ("clean", True, 2)
    assert "program" not in sys.modules


def test_options_of_check() -> None:
    result = weft.check(spread, strategy="random", seed=5, max_executions=3)
    assert (result.engine, result.seed, result.executions, result.verdict) == ("random", 5, 3, "incomplete")


def test_the_same_function_twice_gives_the_same_result() -> None:
    first, second = weft.check(taken_twice), weft.check(taken_twice)
    first.seconds = second.seconds = 0.0
    assert first == second


def test_errors_of_check(program: str) -> None:
    with pytest.raises(TargetError, match="unexpected keyword argument 'task'; it takes tasks"):
        weft.check(spread, task=1)
    with pytest.raises(ChildError, match="unexpected keyword argument 'task'; it takes tasks, locked") as caught:
        weft.check(program, task=1)
    assert caught.value.code == 2
    with pytest.raises(GaveUp, match="reads from the keyboard"):
        weft.check(lambda: input())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"strategy": "best"}, "strategy is 'best'; it must be one of dpor, random, pct, pos, once"),
        ({"seed": -1}, "seed is -1; it must be 0 or more"),
        ({"max_executions": 0}, "max_executions is 0; it must be more than 0"),
        ({"max_seconds": -1.0}, "max_seconds is -1.0; it must be more than 0"),
        ({"max_steps": 0}, "max_steps is 0; it must be more than 0"),
        ({"timeout": 0.0}, "timeout is 0.0; it must be more than 0"),
    ],
)
@pytest.mark.parametrize("program", [spread, "program.py"], ids=["function", "target"])
def test_options_out_of_range(program: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(says)}$"):
        weft.check(program, **options)


# predict


def test_predict_of_a_function() -> None:
    prediction = weft.predict(spread, tasks=[1, 2], cores=[1, 2], gil=[True, False], machine="ideal", repeat=1)
    seconds = {(run.params["tasks"], run.cores, run.gil): run.seconds for run in prediction.runs}
    assert seconds[2, 2, False] == pytest.approx(50, rel=0.02)
    assert seconds[2, 2, True] == pytest.approx(100, rel=0.02)
    assert seconds[2, 1, False] == pytest.approx(100, rel=0.02)
    assert len(seconds) == 8


def test_predict_of_a_target(program: str) -> None:
    prediction = weft.predict(program, tasks=4, seconds=10, cores=[4], gil=[False], machine="ideal", repeat=1)
    (run,) = prediction.runs
    assert (run.params, run.cores, run.gil) == ({"tasks": 4, "seconds": 10}, 4, False)
    assert run.seconds == pytest.approx(10, rel=0.1)


def test_predict_with_a_profile_of_ones_own() -> None:
    from weft.real_runs.calibration import find_profile

    profile = find_profile("ideal")
    assert isinstance(profile, Profile)
    assert weft.predict(spread, cores=[1], machine=profile, repeat=1).profile == "ideal"


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"cores": [0]}, ValueError, "cores is 0"),
        ({"cores": []}, ValueError, "cores has no values to sweep"),
        ({"gil": []}, ValueError, "gil has no values to sweep"),
        ({"tasks": []}, ValueError, "tasks has no values to sweep"),
        ({"repeat": 0}, ValueError, "repeat is 0"),
        ({"machine": "cray"}, ProfileError, "no machine profile 'cray'"),
        ({"task": 1}, TargetError, "unexpected keyword argument 'task'"),
    ],
)
def test_errors_of_predict(options: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        weft.predict(spread, **options)


def test_predict_of_a_program_that_fails() -> None:
    with pytest.raises(PredictionError, match="LookupError"):
        weft.predict(failing, cores=[1], repeat=1)


# validate and record


def test_the_name_of_a_function_for_a_child_process() -> None:
    assert target_of("a.py:f") == "a.py:f"
    assert target_of(textwrap.dedent) == "textwrap:dedent"
    for nameless in (lambda: None, functools.partial(spread)):
        with pytest.raises(ValueError, match="cannot be imported by a child process"):
            target_of(nameless)


def test_a_function_of_the_main_script_is_named_by_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def main() -> None: ...

    main.__module__, main.__qualname__ = "__main__", "main"
    script = type(sys)("__main__")
    monkeypatch.setitem(sys.modules, "__main__", script)
    with pytest.raises(ValueError, match="main was typed in, not read from a file"):
        target_of(main)
    script.__file__ = "/somewhere/script.py"
    assert target_of(main) == "/somewhere/script.py:main"


@pytest.mark.parametrize("command", [weft.validate, weft.record])
def test_what_a_child_could_not_import_is_refused_at_once(command: Any) -> None:
    with pytest.raises(ValueError, match="cannot be imported by a child process"):
        command(lambda: None)


def test_record_returns_the_trace_it_wrote(program: str) -> None:
    from weft.simcore.trace import load

    trace = weft.record(program, output="run.weft", tasks=2, locked=True)
    assert trace.header.world == "real"
    assert trace.header.parameters == {"tasks": 2, "locked": True}
    assert len(trace.tables.threads) == 3
    assert [event.operation for event in load("run.weft")] == [event.operation for event in trace]


def test_validate_holds_a_prediction_against_real_runs(program: str) -> None:
    report = weft.validate(program, tasks=[1, 2], repeat=3)
    assert [run.params["tasks"] for run in report.runs] == [1, 2]
    for run in report.runs:
        assert run.measured_seconds is not None
        assert run.error is not None
        assert len(run.samples) >= 3


# the package itself


def test_the_names_of_the_package() -> None:
    assert set(weft.__all__) >= {"check", "predict", "validate", "record", "work"}
    assert all(getattr(weft, name) is not None for name in weft.__all__)
    with pytest.raises(AttributeError, match="module 'weft' has no attribute 'chek'"):
        _ = weft.chek  # pyright: ignore[reportAttributeAccessIssue]


def test_importing_weft_and_checking_load_no_heavy_library() -> None:
    code = """
        import json, sys, weft
        light = sorted({"greenlet", "simpy", "msgspec", "click"} & set(sys.modules))
        weft.check(lambda: None)
        print(json.dumps([light, sorted({"numpy", "networkx", "rich", "jinja2", "torch"} & set(sys.modules))]))
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": str(Path(weft.__file__).parent.parent)},
    )
    assert json.loads(done.stdout) == [[], []]

"""The verdicts of ``weft check``: exit codes, the last line, the JSON, targets of every form."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable

import pytest

from .conftest import LONG, Done, Weft, slowly


def test_findings_end_with_1_and_the_verdict_is_the_last_line(weft: Weft, ab_ba: str) -> None:
    done = weft("check", ab_ba)
    assert (done.code, done.err) == (1, "")
    lines = done.out.splitlines()
    assert lines[0] == "D001 deadlock (confirmed) at ab_ba.py:8"
    assert "  - one holds a (ab_ba.py:7), wants b (ab_ba.py:8)" in lines
    assert "  - two holds b (ab_ba.py:12), wants a (ab_ba.py:13)" in lines
    assert re.fullmatch(r"  ran: 3 executions, \d+ steps, [\d.]+ s, dpor, exhaustive", lines[-2])
    assert lines[-1] == "1 finding: D001"


def test_nothing_found_in_all_schedules_is_clean(weft: Weft, ab_ba: str) -> None:
    done = weft("check", "ab_ba.py:main", "--set", "crossed=False", "--json", "result.json")
    assert (done.code, done.err) == (0, "")
    assert done.verdict().startswith("clean: ")
    assert (weft.result()["verdict"], weft.result()["exhaustive"]) == ("clean", True)


@pytest.mark.parametrize("strategy", ["random", *slowly("pct", "pos", "once")])
def test_sampling_is_never_clean(weft: Weft, ab_ba: str, strategy: str) -> None:
    limits = ["--strategy", strategy, "--max-executions", "20"]
    done = weft("check", "ab_ba.py:main", "--set", "crossed=False", *limits, "--json", "result.json")
    assert done.code == 0
    assert done.verdict().startswith("incomplete: nothing found, but not every schedule was run")
    result = weft.result()
    assert (result["verdict"], result["exhaustive"], result["engine"]) == ("incomplete", False, strategy)


@pytest.mark.parametrize("limit", [["--max-executions", "50"], ["--max-seconds", "0.2"]])
def test_an_exploration_cut_short_is_incomplete_and_says_so(weft: Weft, limit: list[str]) -> None:
    done = weft("check", weft.write("long.py", LONG) + ":main", *limit, "--json", "result.json")
    assert done.code == 0
    assert done.verdict().startswith("incomplete: ")
    result = weft.result()
    assert (result["verdict"], result["exhaustive"]) == ("incomplete", False)
    assert limit[1] in " ".join(result["limits"])


def test_a_loop_that_gets_nothing_done_is_a_livelock(weft: Weft) -> None:
    source = """\
        import threading
        first, second = threading.Lock(), threading.Lock()
        def work(one, other):
            while True:
                with one:
                    if other.acquire(blocking=False):
                        other.release()
        for pair in ((first, second), (second, first)):
            threading.Thread(target=work, args=pair).start()
        """
    done = weft("check", weft.write("polite.py", source), "--max-steps", "500", "--max-executions", "40")
    assert done.code == 1
    assert done.out.startswith("L001 livelock (observed) at polite.py:")


def test_a_program_without_end_is_incomplete_and_says_so(weft: Weft) -> None:
    source = "import threading\nlock = threading.Lock()\nwhile True:\n    with lock:\n        pass\n"
    done = weft("check", weft.write("serve.py", source), "--max-steps", "500", "--max-executions", "5")
    assert done.code == 0
    assert done.verdict().startswith("incomplete: ")
    assert "executions longer than 500 steps were cut off (--max-steps)" in done.out


@pytest.mark.parametrize(
    ("call", "name"), [("fail()", "MainThread"), ("threading.Thread(target=fail, name='worker').start()", "worker")]
)
def test_an_exception_shows_the_users_frames_only(weft: Weft, call: str, name: str) -> None:
    source = f"import threading\ndef fail():\n    raise KeyError('lost')\n{call}\n"
    done = weft("check", weft.write("fails.py", source))
    assert done.code == 1
    assert "E001 exception (confirmed) at fails.py:3" in done.out
    assert f"{name} failed at fails.py:3: KeyError: 'lost'" in done.out
    assert done.out.count('File "') == (2 if name == "MainThread" else 1)


def test_quiet_prints_nothing(weft: Weft, ab_ba: str) -> None:
    assert weft("check", ab_ba, "--quiet") == Done(1, "", "")


def test_what_the_program_prints_stays_out_of_the_result(weft: Weft) -> None:
    done = weft("check", weft.write("loud.py", "import sys\nprint('OUT')\nprint('ERR', file=sys.stderr)\n"))
    assert done.code == 0
    assert "OUT" not in done.out
    assert "ERR" not in done.err


RESULT_KEYS = {"schema", "weft", "command", "target", "seed", "verdict", "exhaustive"} | {
    "executions",
    "steps",
    "seconds",
    "engine",
    "limits",
    "notes",
    "findings",
    "suppressed",
    "unused_suppressions",
    "gpus",
    "files",
}
FINDING_KEYS = {"rule", "kind", "certainty", "message", "fingerprint", "threads", "steps", "switches", "replay"}


def without_time(text: str) -> str:
    return re.sub(r'"seconds": [0-9.e-]+', '"seconds": 0', text)


@pytest.mark.parametrize(
    "options",
    [[], ["--seed", "7", "--strategy", "random", "--max-executions", "50"], *slowly(["--keep-going"])],
    ids=str,
)
def test_json_on_standard_output_is_pure_and_repeatable(weft: Weft, ab_ba: str, options: list[str]) -> None:
    first, second = (weft("check", ab_ba, "--json", "-", *options) for _ in range(2))
    assert (first.code, first.err) == (1, "")
    result = json.loads(first.out)
    assert result["schema"] == "weft.result/1"
    assert [finding["rule"] for finding in result["findings"]] == ["D001"]
    assert without_time(first.out) == without_time(second.out)


def test_the_keys_of_the_contract(weft: Weft, ab_ba: str) -> None:
    result = json.loads(weft("check", ab_ba, "--json", "-").out)
    assert set(result) >= RESULT_KEYS
    (finding,) = result["findings"]
    assert set(finding) >= FINDING_KEYS
    waits = {"object": "b", "operation": "acquire", "at": "ab_ba.py:8"}
    one = next(thread for thread in finding["threads"] if thread["name"] == "one")
    assert one["state"] == "blocked"
    assert one["holds"] == [{"object": "a", "at": "ab_ba.py:7"}]
    assert waits.items() <= one["waits"].items()
    assert set(finding["steps"][0]) >= {"step", "thread", "operation", "object", "at"}


def test_a_sweep_is_merged_into_one_result(weft: Weft, ab_ba: str) -> None:
    done = weft("check", "ab_ba.py:main", "--set", "crossed=False,True", "--json", "result.json")
    assert done.code == 1
    result = weft.result()
    assert result["parameters"] == {"crossed": [False, True]}
    assert [finding["rule"] for finding in result["findings"]] == ["D001"]
    assert result["exhaustive"] is True
    assert result["executions"] == 2 + 3
    assert weft("replay", result["findings"][0]["replay"]).code == 1


def test_the_result_says_where_its_files_lie(weft: Weft) -> None:
    weft.write("src/part/__init__.py", "")
    weft.write("src/part/locks.py", "import threading\na = threading.Lock()\n")
    source = "from part.locks import a\ndef main(twice=True):\n    a.acquire()\n    if twice: a.acquire()\n"
    weft.write("src/prog.py", source)
    for twice, code in (("True", 1), ("False", 0)):
        done = weft("check", "src/prog.py:main", "--set", f"twice={twice}", "--json", "result.json")
        assert done.code == code
        files = weft.result()["files"]
        assert files["prog.py"] == ["src/prog.py"]
        assert files["locks.py"] == ["src/part/locks.py"]


FLAG = """\
    import threading

    class Flag:
        ready = False

    flag = Flag()
    seen = []

    def main():
        threads = [threading.Thread(target=look), threading.Thread(target=set_it)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()

    def look():
        seen.append(flag.ready)

    def set_it():
        flag.ready = True
    """
"""Two unordered accesses; whichever comes first, the flag is set in the end."""


def test_an_access_without_a_consequence_is_a_note(weft: Weft) -> None:
    done = weft("check", weft.write("flag.py", FLAG) + ":main", "--json", "result.json")
    assert (done.code, done.verdict().split(":")[0]) == (0, "clean")
    assert done.out.startswith("note: ")
    (note,) = weft.result()["notes"]
    assert " ".join(done.out.partition("\n\n")[0].split()) == f"note: {note}"
    assert (weft.result()["findings"], weft.result()["verdict"]) == ([], "clean")


@pytest.mark.parametrize(
    ("options", "rules"),
    [(["--strict-races"], ["R001"]), (["--gil", "off"], ["R001"]), (["--gil", "on"], []), (["--no-races"], [])],
    ids=str,
)
def test_how_strict_a_check_is_about_races(weft: Weft, options: list[str], rules: list[str]) -> None:
    done = weft("check", weft.write("flag.py", FLAG) + ":main", *options, "--json", "result.json")
    assert [finding["rule"] for finding in weft.result()["findings"]] == rules
    assert done.code == (1 if rules else 0)
    assert len(weft.result()["notes"]) == (1 if options == ["--gil", "on"] else 0)


def test_html_of_a_check(weft: Weft, ab_ba: str) -> None:
    assert weft("check", ab_ba, "--html", "report.html").code == 1
    text = (weft.folder / "report.html").read_text(encoding="utf-8")
    assert "D001" in text
    assert "ab_ba.py" in text


def test_a_package_as_python_m_would(weft: Weft) -> None:
    weft.write("pack/__init__.py", "")
    weft.write("pack/part.py", "ANSWER = 42\n")
    weft.write(
        "pack/__main__.py", "import sys\nfrom .part import ANSWER\nassert sys.argv[1:] == ['a', '-b'], sys.argv\n"
    )
    done = weft("check", "-m", "pack", "--", "a", "-b")
    assert (done.code, done.verdict().split(":")[0]) == (0, "clean")
    done = weft("check", "-m", "pack", "--", "c")
    assert done.code == 1
    assert done.out.startswith("E002 assertion")


def test_a_function_of_a_module_in_the_working_folder(weft: Weft, ab_ba: str) -> None:
    assert weft("check", "ab_ba:main").code == 1


def test_arguments_of_the_script(weft: Weft) -> None:
    weft.write("args.py", "import sys\nassert sys.argv[1:] == ['-x', 'y'], sys.argv\n")
    assert weft("check", "args.py", "--", "-x", "y").code == 0
    assert weft("check", "args.py", "--", "-x").code == 1


def test_a_models_package_of_the_users_own_is_not_disturbed(weft: Weft) -> None:
    weft.write("models/__init__.py", "NAME = 'mine'\n")
    weft.write("simcore.py", "NAME = 'mine too'\n")
    weft.write("user.py", "import models, simcore\nassert (models.NAME, simcore.NAME) == ('mine', 'mine too')\n")
    assert weft("check", "user.py").code == 0


def test_two_hundred_threads(weft: Weft) -> None:
    source = """\
        import threading
        def main(shared=False):
            lock = threading.Lock()
            locks = [lock if shared else threading.Lock() for _ in range(200)]
            def work(lock):
                with lock:
                    pass
            threads = [threading.Thread(target=work, args=(lock,)) for lock in locks]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
        """
    target = weft.write("many.py", source) + ":main"
    done = weft("check", target, "--json", "result.json")
    assert (done.code, weft.result()["verdict"], weft.result()["executions"]) == (0, "clean", 1)
    done = weft("check", target, "--set", "shared=True", "--max-executions", "5", "--json", "result.json")
    assert (done.code, weft.result()["verdict"], weft.result()["executions"]) == (0, "incomplete", 5)


def processor_s(run: Callable[[], object]) -> float:
    """The CPU time of the child processes that ``run`` waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.slow
def test_a_cold_check_takes_no_longer_than_starting_python_some_times(weft: Weft, ab_ba: str) -> None:
    """In CPU time, beside Python's own: so it holds on a slow machine and on a busy one."""
    empty = [sys.executable, "-c", "pass"]
    start = min(processor_s(lambda: subprocess.run(empty, check=True)) for _ in range(5))
    checks = [processor_s(lambda: weft("check", ab_ba)) for _ in range(3)]
    assert min(checks) < 40 * start, "a second where Python starts in 25 ms"

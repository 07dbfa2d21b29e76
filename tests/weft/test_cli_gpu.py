"""``weft check --gpu virtual`` as a user meets it: what is found, what is refused, what is said where torch is not."""

from __future__ import annotations

import importlib.util

import pytest

from weft.checkers.gpu.collective_log import Collective, Frame, ProcessGroup, RankLog
from weft.real_runs.flight_recorder import write_folder

from .conftest import Weft, environment

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is in the test extra for Python 3.11 only"
)
RACY = """\
import torch
side = torch.cuda.Stream()
x = torch.zeros(1024, device="cuda")
with torch.cuda.stream(side):
    x.add_(1)
torch.cuda.current_stream().wait_stream(side)
"""


@needs_torch
def test_a_race_of_streams_is_found_saved_and_replayed(weft: Weft) -> None:
    program = weft.write("racy.py", RACY)
    found = weft("check", program, "--gpu", "virtual", "--json", "result.json", "--html", "report.html")
    assert found.code == 1
    assert found.out.startswith("G001 gpu-race (observed) at racy.py:3\n")
    assert "fix: side.wait_stream(torch.cuda.default_stream()) before racy.py:5" in found.out
    result = weft.result()
    assert (result["gpus"], result["exhaustive"]) == (1, True)
    again = weft("replay", result["findings"][0]["replay"])
    assert again.code == 1
    assert again.out.startswith("G001 gpu-race (observed) at racy.py:3\n")
    assert "--gpu virtual --seed 0" in (weft.folder / "report.html").read_text(encoding="utf-8")


@needs_torch
def test_without_the_option_cuda_is_what_it_is(weft: Weft) -> None:
    done = weft("check", weft.write("racy.py", RACY))
    assert done.code == 1
    assert done.out.startswith("E001 ")


@needs_torch
@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("torch.cuda.cudart()", "the program calls torch.cuda.cudart at refused.py:2, which cannot be simulated"),
        ("torch.cuda.Event(interprocess=True)", "the program shares an event with another process at refused.py:2"),
        ("torch.zeros(2, device='xpu')", "the program makes tensors on xpu at refused.py:2"),
    ],
)
def test_what_cannot_be_simulated_is_one_line(weft: Weft, line: str, says: str) -> None:
    done = weft("check", weft.write("refused.py", f"import torch\n{line}\n"), "--gpu", "virtual")
    assert done.code == 4
    assert says in done.err
    assert done.err.count("\n") == 1


@needs_torch
def test_a_device_that_is_not_there_is_the_programs_mistake(weft: Weft) -> None:
    program = weft.write("second.py", "import torch\ntorch.zeros(2, device='cuda:1')\n")
    done = weft("check", program, "--gpu", "virtual")
    assert done.code == 1
    assert "invalid device ordinal (cuda:1; the virtual machine has 1)" in done.out.replace("\n  ", " ")
    assert weft("check", program, "--gpu", "virtual", "--gpus", "2").code == 0


@needs_torch
def test_a_query_that_decides_leaves_the_verdict_open(weft: Weft) -> None:
    asks = "import torch\nevent = torch.cuda.Event()\nevent.record()\n"
    waits = weft.write("waits.py", asks + "while not event.query():\n    pass\n")
    assert weft("check", waits, "--gpu", "virtual").verdict().startswith("clean")
    decides = weft.write("decides.py", asks + "if not event.query():\n    raise SystemExit(3)\n")
    done = weft("check", decides, "--gpu", "virtual")
    assert done.verdict().startswith("incomplete")
    assert "(decides.py:4)" in done.out


@needs_torch
def test_both_orders_of_two_threads_on_one_stream_are_run(weft: Weft) -> None:
    program = weft.write(
        "orders.py",
        "import threading, torch\n"
        "x = torch.zeros(4, device='cuda')\n"
        "one = threading.Thread(target=lambda: x.fill_(1))\n"
        "two = threading.Thread(target=lambda: x.mul_(2))\n"
        "one.start(), two.start(), one.join(), two.join()\n"
        "assert x[0].item() == 2\n",
    )
    done = weft("check", program, "--gpu", "virtual")
    assert done.out.startswith("E002 assertion (confirmed) at orders.py:6\n")


@needs_torch
def test_torchs_modes_follow_the_threads(weft: Weft) -> None:
    program = weft.write(
        "modes.py",
        "import threading, torch\n"
        "lock = threading.Lock()\n"
        "def quiet():\n"
        "    with torch.no_grad():\n"
        "        with lock: pass\n"
        "        assert not torch.is_grad_enabled()\n"
        "    assert torch.is_grad_enabled()\n"
        "def infer():\n"
        "    with torch.inference_mode():\n"
        "        with lock: pass\n"
        "        assert torch.is_inference_mode_enabled()\n"
        "    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()\n"
        "threads = [threading.Thread(target=part) for part in (quiet, infer)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "assert torch.is_grad_enabled()\n",
    )
    for options in ([], ["--gpu", "virtual"]):
        assert weft("check", program, *options).verdict().startswith("clean"), options


@needs_torch
def test_what_the_devices_were_asked_is_kept_and_analyzed(weft: Weft) -> None:
    program = weft.write("racy.py", RACY)
    assert weft("check", program, "--gpu", "virtual", "--rows", "rows.jsonl").code == 1
    done = weft("analyze", "rows.jsonl")
    assert done.code == 1
    assert done.out.startswith("G001 gpu-race (observed) at racy.py:3\n")
    weft.write("right.py", RACY.replace("with ", "side.wait_stream(torch.cuda.current_stream())\nwith "))
    assert weft("check", "right.py", "--gpu", "virtual", "--rows", "rows.jsonl", "-q").code == 0
    assert weft("analyze", "rows.jsonl").verdict().startswith("nothing found")
    assert weft("analyze", "rows.jsonl", "--std", "rows.std").err.startswith(
        "weft: rows.jsonl holds no trace of threads"
    )


ROW = '{"k":"head","schema":"weft.device-rows/1"}\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ROW, "rows.jsonl holds no row: the program has asked nothing of a device"),
        (
            ROW + '{"k":"op","stream":1,"na',
            'rows.jsonl, line 2: Input data was truncated; each line is a JSON object, its "k"',
        ),
        (ROW + '{"k":"jump"}\n', "rows.jsonl, line 2: Invalid value 'jump'"),
        (ROW.replace("/1", "/7"), "rows.jsonl is in the format weft.device-rows/7; this version of weft reads"),
    ],
)
def test_a_file_that_holds_no_rows(weft: Weft, text: str, says: str) -> None:
    weft.write("rows.jsonl", text)
    done = weft("analyze", "rows.jsonl")
    assert done.code == 2
    assert done.err.startswith(f"weft: {says}")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("options", [[], ["--gpu", "virtual", "--set", "n=1,2"]])
def test_rows_are_of_one_run_on_virtual_devices(weft: Weft, options: list[str]) -> None:
    done = weft("check", weft.write("racy.py", RACY), "--rows", "rows.jsonl", *options)
    assert done.code == 2
    assert done.err.startswith("weft: --rows is for one run with --gpu virtual")


def test_without_torch_the_extra_is_named(weft: Weft) -> None:
    weft.write("elsewhere/sitecustomize.py", "import sys\nsys.modules['torch'] = None\n")
    program = weft.write("racy.py", RACY)
    done = weft("check", program, "--gpu", "virtual", env=environment(PYTHONPATH=str(weft.folder / "elsewhere")))
    assert done.code == 2
    assert done.err == (
        "weft: --gpu virtual needs torch, which is not installed here; install it with: pip install 'weft[torch]'\n"
    )


@pytest.mark.parametrize("value", ["0", "65", "many"])
def test_a_number_of_devices_that_nobody_has(weft: Weft, value: str) -> None:
    done = weft("check", weft.write("racy.py", RACY), "--gpu", "virtual", "--gpus", value)
    assert done.code == 2
    assert "--gpus" in done.err
    assert value in done.err


def test_the_dumps_of_a_job_that_hangs(weft: Weft) -> None:
    world = ProcessGroup("0", "default_pg", (0, 1))
    logs = [
        RankLog(
            rank,
            tuple(
                Collective(
                    record=number,
                    group=world,
                    operation=operation,
                    sequence=number + 1,
                    input_sizes=((4,),),
                    output_sizes=((4,),),
                    input_dtypes=("Float",),
                    output_dtypes=("Float",),
                    created_ns=number,
                    started_ns=number + 1,
                    frames=(Frame("step", "/job/train.py", 12 + rank),),
                )
                for number, operation in enumerate(operations)
            ),
            (world,),
        )
        for rank, operations in enumerate((["all_reduce", "all_reduce"], ["all_reduce", "broadcast"]))
    ]
    write_folder(logs, weft.folder / "dumps")
    done = weft("analyze", "dumps", "--json", "result.json")
    assert done.code == 1
    assert done.out.startswith("G004 ")
    (finding,) = weft.result()["findings"]
    assert "rank 0 called all_reduce (train.py:12), but rank 1 called broadcast (train.py:13)" in finding["message"]
    weft.write("empty/readme.txt", "no dump\n")
    done = weft("analyze", "empty")
    assert (done.code, done.err) == (2, "weft: empty: no file is named <prefix><rank>, as Flight Recorder dumps are\n")

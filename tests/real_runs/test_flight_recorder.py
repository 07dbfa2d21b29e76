"""Dumps of NCCL's Flight Recorder: what is read, what is refused, and that torch reads what we write."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from weft.checkers.gpu.collective_log import Collective, Frame, ProcessGroup, RankLog
from weft.checkers.gpu.collectives import find
from weft.real_runs.flight_recorder import DumpError, as_dump, is_folder_of_dumps, read_folder, write_folder

WORLD = ProcessGroup("0", "default_pg", (0, 1))
FRAMES = (Frame("all_reduce", "/lib/torch/distributed/distributed_c10d.py", 9), Frame("step", "/job/train.py", 12))


def entry(record: int, operation: str = "all_reduce", **more: Any) -> Collective:
    given: dict[str, Any] = {
        "input_sizes": ((4,),),
        "output_sizes": ((4,),),
        "input_dtypes": ("Float",),
        "output_dtypes": ("Float",),
        "sequence": record + 1,
        "started_ns": 5,
        "completed_ns": 6,
        "created_ns": 4,
        "frames": FRAMES,
    }
    return Collective(record=record, group=WORLD, operation=operation, **(given | more))


def two_ranks() -> list[RankLog]:
    p2p: dict[str, Any] = {"sequence": 1, "p2p_sequence": 1, "is_p2p": True, "source": 0, "destination": 1}
    return [
        RankLog(0, (entry(0), entry(1, "send", **p2p)), (WORLD,)),
        RankLog(1, (entry(0), entry(1, "recv", **p2p)), (WORLD,)),
    ]


def dump(**more: Any) -> dict[str, Any]:
    return as_dump(two_ranks()[0]) | more


def put(folder: Path, name: str, content: object) -> None:
    (folder / name).write_bytes(pickle.dumps(content, protocol=2))


def refused(folder: Path, prefix: str = "") -> str:
    with pytest.raises(DumpError) as raised:
        read_folder(folder, prefix)
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_folder(two_ranks(), tmp_path, "nccl_trace_rank_")
    assert is_folder_of_dumps(tmp_path)
    for prefix in ("", "nccl_trace_rank_"):
        dumps = read_folder(tmp_path, prefix)
        assert dumps.logs == two_ranks()
        assert dumps.notes == []


def test_json_dumps_are_read(tmp_path: Path) -> None:
    for log in two_ranks():
        content = as_dump(log)
        for one in content["entries"]:
            del one["frames"]
            one["time_discovered_completed_ns"] = 0
        (tmp_path / f"rank{log.rank}.json").write_text(json.dumps(content))
    dumps = read_folder(tmp_path)
    assert [len(log.entries) for log in dumps.logs] == [2, 2]
    assert dumps.logs[0].entries[0].completed_ns is None
    assert (dumps.logs[1].entries[1].source, dumps.logs[1].entries[1].destination) == (0, 1)


def test_no_folder_and_no_dumps(tmp_path: Path) -> None:
    assert "no such folder" in refused(tmp_path / "nowhere")
    assert not is_folder_of_dumps(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "log1").write_text("hello")
    assert not is_folder_of_dumps(tmp_path)
    assert refused(tmp_path, "rank") == f"{tmp_path}: no file is named rank<rank>, as Flight Recorder dumps are"


def test_files_of_several_prefixes(tmp_path: Path) -> None:
    write_folder(two_ranks(), tmp_path, "first_")
    write_folder(two_ranks(), tmp_path, "second_")
    assert "several prefixes ('first_', 'second_')" in refused(tmp_path)
    assert len(read_folder(tmp_path, "first_").logs) == 2


def test_two_files_of_one_rank(tmp_path: Path) -> None:
    put(tmp_path, "rank_1", dump())
    put(tmp_path, "rank_01", dump())
    assert "rank_01 and rank_1 are both of rank 1" in refused(tmp_path)


def test_a_cut_pickle(tmp_path: Path) -> None:
    whole = pickle.dumps(dump(), protocol=2)
    for length in range(0, len(whole), 37):
        (tmp_path / "rank_0").write_bytes(whole[:length])
        assert refused(tmp_path).startswith("rank_0: ")
    (tmp_path / "rank_0").write_bytes(b"{ not json")
    assert "cannot be read" in refused(tmp_path)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch owned",)


class EvilEval:
    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("1",)


@pytest.mark.parametrize("evil", [Evil(), EvilEval(), Path("x"), print, {1: Evil()}])
def test_a_malicious_pickle_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evil: object) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "dumps"
    folder.mkdir()
    for protocol in range(6):
        (folder / "rank_0").write_bytes(pickle.dumps(dump(entries=evil), protocol=protocol))
        message = refused(folder)
        assert message.startswith("rank_0: it wants ")
        assert "may be malicious" in message
    assert not (tmp_path / "owned").exists()


def test_what_is_no_dump(tmp_path: Path) -> None:
    entries = as_dump(two_ranks()[0])["entries"]
    for content, says in [
        ([1], "holds a list, not a Flight Recorder dump"),
        ({"version": "2.10", "pg_config": {}}, 'no "entries"'),
        ({"version": "2.10", "entries": []}, 'no "pg_config"'),
        (dump(entries={}), "entries is not a list"),
        (dump(entries=[7]), "entry 0 is not an object"),
        (dump(entries=[{"record_id": 0}]), 'entry 0 has no "process_group"'),
        (dump(entries=[entries[0] | {"state": "lost"}]), "entry 0 is not as it should be (state 'lost')"),
        (dump(entries=[entries[0] | {"process_group": 3}]), "entry 0 is not as it should be"),
        (dump(entries=[entries[0] | {"input_sizes": 3}]), "entry 0 is not as it should be"),
        (dump(entries=[entries[1] | {"profiling_name": "nccl:send 0->7"}]), "entry 0 is not as it should be"),
        (dump(pg_config=[]), "pg_config is not as it should be"),
        (dump(pg_config={"0": {"ranks": "__import__('os')"}}), "pg_config is not as it should be"),
    ]:
        put(tmp_path, "rank_0", content)
        assert refused(tmp_path).startswith(f"rank_0: {says}")


def test_an_unknown_version_is_said_and_read(tmp_path: Path) -> None:
    write_folder(two_ranks(), tmp_path)
    put(tmp_path, "rank_0", dump(version="9.1"))
    dumps = read_folder(tmp_path)
    assert dumps.logs == two_ranks()
    assert dumps.notes == ["rank_0: version 9.1 of the format is not known (2.x is); read as if it were"]


def test_missing_ranks_are_named(tmp_path: Path) -> None:
    write_folder(two_ranks()[:1], tmp_path)
    assert read_folder(tmp_path).notes == ["no dump of rank 1: what it did is not known"]


def test_groups_that_no_configuration_names(tmp_path: Path) -> None:
    """As gloo's recorder leaves them: no members, nothing ever completed but retired."""
    for log in two_ranks():
        content = as_dump(log)
        content["pg_config"] = {"": {"name": "", "desc": "", "ranks": "[]"}}
        content["entries"] = [
            one | {"profiling_name": "gloo:all_reduce", "state": "scheduled", "retired": True}
            for one in content["entries"][:1]
        ]
        put(tmp_path, f"rank_{log.rank}", content)
    dumps = read_folder(tmp_path)
    assert dumps.logs[0].groups == (WORLD,)
    assert dumps.logs[0].entries[0].state == "completed"
    assert dumps.notes == [
        "no dump says which ranks belong to process group 0: taken to be those that use it, or all ranks where only one does"
    ]
    assert find(dumps.logs) == []


def hang_for_real(rank: int, out: str) -> None:
    """Two groups in opposite orders, with gloo; a thread dumps as the recorder's own would after its timeout."""
    import torch
    import torch.distributed as dist

    os.environ["TORCH_FR_BUFFER_SIZE"] = "2000"
    store = dist.FileStore(f"{out}/store", 2)
    dist.init_process_group("gloo", rank=rank, world_size=2, store=store)
    other, tensor = dist.new_group([0, 1], group_desc="tp"), torch.ones(4)
    dist.all_reduce(tensor)

    def dump_and_end() -> None:
        time.sleep(0.5)
        Path(out, f"rank_{rank}").write_bytes(torch._C._distributed_c10d._dump_fr_trace())
        store.set(f"dumped {rank}", "")
        store.wait([f"dumped {1 - rank}"])
        os._exit(0)

    threading.Thread(target=dump_and_end).start()
    for one in (None, other) if rank == 0 else (other, None):
        dist.all_reduce(tensor, group=one)


@pytest.mark.slow
def test_a_real_hang_is_explained(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is in the test extra for Python 3.11 only")
    code = "import runpy, sys; runpy.run_path(sys.argv[1])['hang_for_real'](int(sys.argv[2]), sys.argv[3])"
    command = [sys.executable, "-c", code, __file__]
    children = [subprocess.Popen([*command, str(rank), str(tmp_path)], stderr=subprocess.PIPE) for rank in (0, 1)]
    try:
        for child in children:
            _, told = child.communicate(timeout=120)
            assert child.returncode == 0, told
    finally:
        for child in children:
            child.kill()
    (found,) = find(read_folder(tmp_path, "rank_").logs)
    assert found.certainty == "confirmed"
    assert found.message.startswith(
        "rank 0 waits in all_reduce #2 of process group 0 (default_pg) (test_flight_recorder.py:"
    )
    assert "rank 1 waits in all_reduce #1 of process group" in found.message


def test_torch_reads_what_we_write(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is in the test extra for Python 3.11 only")
    write_folder(two_ranks(), tmp_path, "rank_")
    # Without tabulate torch's program ends in a NameError; it only lays the table out.
    program = (
        "import sys, types; sys.modules['tabulate'] = types.SimpleNamespace(tabulate=lambda rows, headers=(): str(rows)); "
        "from torch.distributed.flight_recorder.fr_trace import main; main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", program, str(tmp_path), "-p", "rank_", "-j"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = done.stdout + done.stderr
    assert "all_reduce(input_sizes=[[4]], state=completed)" in told
    assert "send(s=0 d=1, input_sizes=[[4]], state=completed)" in told

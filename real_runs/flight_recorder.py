"""NCCL Flight Recorder dumps: one file a rank, read into logs and written from them.

A dump is a pickle, or JSON, of a fixed shape (``torch/csrc/distributed/c10d/FlightRecorder.hpp``). It comes from machines
that we know nothing of, so nothing but plain values is ever unpickled. What is wrong with a job is not known here.
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, cast

from ..checkers.gpu.collective_log import Collective, Frame, ProcessGroup, RankLog, Sizes, State

VERSION = "2.10"
"""What we write, and the newest that was seen (torch 2.13)."""
_VERSIONS = re.compile(r"2\.\d+$")
_NAMED = re.compile(r"(.*?)(\d+)(\.json)?$")
_AIMED = re.compile(r"(send|recv) (\d+)(?:->|<-)(\d+)$")
_STATES = ("scheduled", "started", "completed")
_NEEDED = ("record_id", "process_group", "collective_seq_id", "profiling_name", "state")
_COPYING = 1 << 20
"""Bytes that tell a dump from anything else are looked for in so much of a file."""


class DumpError(Exception):
    """A folder or a file that holds no Flight Recorder dump we can read; the message is one line."""


@dataclass(frozen=True, slots=True)
class Dumps:
    """The dumps of one job."""

    logs: list[RankLog]
    """In order of the ranks."""
    notes: list[str] = field(default_factory=list[str])
    """What was odd, and how it was taken: ranks without a dump, an unknown version, groups without members."""


def is_folder_of_dumps(path: Path) -> bool:
    """Does this look like a folder of dumps: files that end in a number, and start as a pickle or as JSON do?"""
    if not path.is_dir():
        return False
    return any(_looks_like_a_dump(file) for file in path.iterdir() if _NAMED.fullmatch(file.name) and file.is_file())


def read_folder(path: Path, prefix: str = "") -> Dumps:
    """Every dump of a job: the files ``<prefix><rank>``, or ``<prefix><rank>.json``.

    Without a prefix the files may have any, but all the same one.

    Raises:
        DumpError: no dumps, two of one rank, or a file that is none.
    """
    if not path.is_dir():
        raise DumpError(f"{path}: no such folder; give the folder that holds one Flight Recorder dump a rank")
    files = _files(path, prefix)
    raw = {rank: _load(file) for rank, file in files.items()}
    notes = [note for rank in raw for note in _odd_version(files[rank], raw[rank])]
    told = {rank: _groups_told(files[rank], content) for rank, content in raw.items()}
    guessed = _groups_guessed(raw, told)
    if guessed:
        notes.append(
            f"no dump says which ranks belong to process group {', '.join(sorted(name for name, _ in guessed))}: taken to be "
            "those that use it, or all ranks where only one does"
        )
    logs = [_log(rank, files[rank], raw[rank], told[rank], guessed) for rank in sorted(raw)]
    missing = sorted({rank for log in logs for group in log.groups for rank in group.ranks} - set(raw))
    if missing:
        notes.append(f"no dump of rank {', '.join(map(str, missing))}: what it did is not known")
    return Dumps(logs, notes)


def write_folder(logs: Iterable[RankLog], path: Path, prefix: str = "rank_") -> list[Path]:
    """One pickle a rank, as NCCL's recorder writes them and torch's ``torchfrtrace`` reads them."""
    path.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for log in logs:
        file = path / f"{prefix}{log.rank}"
        file.write_bytes(pickle.dumps(as_dump(log), protocol=2))
        written.append(file)
    return written


def as_dump(log: RankLog) -> dict[str, Any]:
    """A rank's log in the shape of a dump."""
    groups = dict.fromkeys((*log.groups, *(entry.group for entry in log.entries)))
    numbers = {group: number for number, group in enumerate(groups)}
    return {
        "version": VERSION,
        "pg_config": {
            group.name: {"name": group.name, "desc": group.description, "ranks": str([*group.ranks])}
            for group in groups
        },
        "pg_status": {str(numbers[group]): _status(log, group) for group in groups},
        "entries": [_entry(entry, numbers[entry.group], number) for number, entry in enumerate(log.entries, 1)],
    }


class _Plain(pickle.Unpickler):
    """Plain values only: a pickle that names anything else is refused before that is looked up."""

    def find_class(self, module_name: str, global_name: str, /) -> NoReturn:
        raise DumpError(f"it wants {module_name}.{global_name}, which no dump needs: not read, it may be malicious")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise DumpError("it refers to something outside of itself, which no dump does")


def _looks_like_a_dump(file: Path) -> bool:
    with file.open("rb") as stream:
        start = stream.read(_COPYING)
    return (start[:1] == b"\x80" or start.lstrip()[:1] == b"{") and b"entries" in start and b"pg_config" in start


def _files(path: Path, prefix: str) -> dict[int, Path]:
    found: dict[int, Path] = {}
    prefixes: set[str] = set()
    for file in sorted(path.iterdir()):
        named = _NAMED.fullmatch(file.name)
        if named is None or not file.is_file() or not file.name.startswith(prefix):
            continue
        if prefix:
            named = re.fullmatch(r"()(\d+)(\.json)?", file.name.removeprefix(prefix))
            if named is None:
                continue
        prefixes.add(named[1])
        rank = int(named[2])
        if len(prefixes) > 1:
            several = ", ".join(repr(one) for one in sorted(prefixes))
            raise DumpError(f"{path}: files of several prefixes ({several}); say which with a prefix")
        if rank in found:
            raise DumpError(f"{path}: {found[rank].name} and {file.name} are both of rank {rank}; leave one there")
        found[rank] = file
    if not found:
        raise DumpError(f"{path}: no file is named {prefix or '<prefix>'}<rank>, as Flight Recorder dumps are")
    return found


def _load(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            first = stream.read(1)
            stream.seek(0)
            content: Any = json.load(stream) if first in (b"{", b" ", b"\n") else _Plain(stream).load()
    except DumpError as error:
        raise DumpError(f"{file.name}: {error}") from None
    except (EOFError, pickle.UnpicklingError) as error:
        raise DumpError(f"{file.name}: a pickle that is cut off or none at all ({_line(error)})") from error
    except OSError as error:
        raise DumpError(f"{file.name}: {error.strerror or error}") from error
    # A damaged pickle may fail in any way: a bad index, a wrong type, a number too large.
    except Exception as error:
        raise DumpError(f"{file.name}: cannot be read as a pickle or as JSON ({_line(error)})") from error
    if not isinstance(content, dict):
        raise DumpError(f"{file.name}: holds a {type(content).__name__}, not a Flight Recorder dump")
    dump = cast("dict[str, Any]", content)
    lacking = [key for key in ("entries", "pg_config") if key not in dump]
    if lacking:
        raise DumpError(f'{file.name}: no "{lacking[0]}"; a Flight Recorder dump has version, pg_config and entries')
    return dump


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__


def _odd_version(file: Path, dump: Mapping[str, Any]) -> list[str]:
    version = str(dump.get("version", "none"))
    known = _VERSIONS.match(version)
    return [] if known else [f"{file.name}: version {version} of the format is not known (2.x is); read as if it were"]


_Key = tuple[str, str]
"""Name and description: how entries call a group."""


def _groups_told(file: Path, dump: Mapping[str, Any]) -> dict[str, ProcessGroup]:
    """The groups whose ranks the dump gives, by name."""
    told: dict[str, ProcessGroup] = {}
    try:
        for name, config in dump["pg_config"].items():
            ranks = config["ranks"]
            members = tuple(int(rank) for rank in (json.loads(ranks) if isinstance(ranks, str) else ranks))
            if members:
                told[str(name)] = ProcessGroup(str(name), str(config.get("desc", "")), members)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DumpError(f"{file.name}: pg_config is not as it should be ({_line(error)})") from error
    return told


def _groups_guessed(
    raw: Mapping[int, Mapping[str, Any]], told: Mapping[int, Mapping[str, ProcessGroup]]
) -> dict[_Key, ProcessGroup]:
    """Groups that are used and that no configuration names, as with gloo: their members are who uses them.

    All ranks are in the default group, and in one that a single rank uses (a hang keeps the others from it).
    """
    users: dict[_Key, list[int]] = {}
    for rank in sorted(raw):
        entries: Any = raw[rank]["entries"]
        for entry in cast("list[Any]", entries if isinstance(entries, list) else []):
            named: Any = cast("dict[str, Any]", entry).get("process_group") if isinstance(entry, dict) else None
            pair = cast("Sequence[Any]", named) if isinstance(named, list | tuple) else ()
            if len(pair) == 2:
                key = (str(pair[0]), str(pair[1]))
                if key[0] not in told[rank] and rank not in users.setdefault(key, []):
                    users[key].append(rank)
    everyone = tuple(sorted(raw))
    return {
        key: ProcessGroup(*key, everyone if key[1] == "default_pg" or len(ranks) == 1 else tuple(ranks))
        for key, ranks in users.items()
    }


def _log(
    rank: int,
    file: Path,
    dump: Mapping[str, Any],
    told: Mapping[str, ProcessGroup],
    guessed: Mapping[_Key, ProcessGroup],
) -> RankLog:
    if not isinstance(dump["entries"], list):
        raise DumpError(f"{file.name}: entries is not a list")
    entries: list[Collective] = []
    for number, raw in enumerate(cast("list[Any]", dump["entries"])):
        if not isinstance(raw, dict):
            raise DumpError(f"{file.name}: entry {number} is not an object")
        given = cast("dict[str, Any]", raw)
        lacking = [key for key in _NEEDED if key not in given]
        if lacking:
            raise DumpError(f'{file.name}: entry {number} has no "{lacking[0]}"')
        try:
            name, description = given["process_group"]
            group = told.get(str(name)) or guessed[str(name), str(description)]
            entries.append(_collective(given, group))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise DumpError(f"{file.name}: entry {number} is not as it should be ({_line(error)})") from error
    # The recorder sorts; whoever cut a file by hand may not have.
    entries.sort(key=lambda entry: entry.record)
    groups = (*told.values(), *(group for group in guessed.values() if rank in group.ranks))
    return RankLog(rank, tuple(entries), groups)


def _collective(given: Mapping[str, Any], group: ProcessGroup) -> Collective:
    backend, _, operation = str(given["profiling_name"]).rpartition(":")
    source = destination = -1
    aimed = _AIMED.match(operation)
    if aimed:
        operation, one, other = aimed[1], int(aimed[2]), int(aimed[3])
        # Both are written from the rank's own side, with ranks inside the group: "send 0->1", "recv 1<-0".
        source, destination = (one, other) if operation == "send" else (other, one)
        source, destination = group.ranks[source], group.ranks[destination]
    state: State = given["state"]
    if state not in _STATES:
        raise ValueError(f"state {state!r}")
    # gloo has no device to ask: what it has finished is only ever retired.
    if backend == "gloo" and given.get("retired"):
        state = "completed"
    return Collective(
        record=int(given["record_id"]),
        group=group,
        operation=operation,
        sequence=int(given["collective_seq_id"]),
        p2p_sequence=int(given.get("p2p_seq_id") or 0),
        is_p2p=bool(given.get("is_p2p", aimed is not None)),
        source=source,
        destination=destination,
        input_sizes=_sizes(given.get("input_sizes")),
        output_sizes=_sizes(given.get("output_sizes")),
        input_dtypes=tuple(map(str, given.get("input_dtypes") or ())),
        output_dtypes=tuple(map(str, given.get("output_dtypes") or ())),
        state=state,
        created_ns=int(given.get("time_created_ns") or 0),
        # JSON has 0 where a pickle has None.
        started_ns=given.get("time_discovered_started_ns") or None,
        completed_ns=given.get("time_discovered_completed_ns") or None,
        frames=tuple(
            Frame(str(frame["name"]), str(frame["filename"]), int(frame["line"])) for frame in given.get("frames") or ()
        ),
        backend=backend,
    )


def _sizes(given: Any) -> Sizes:
    return tuple(tuple(int(length) for length in size) for size in given or ())


def _status(log: RankLog, group: ProcessGroup) -> dict[str, int]:
    own = [entry for entry in log.entries if entry.group == group and not entry.is_p2p]

    def last(*states: str) -> int:
        return max((entry.sequence for entry in own if entry.state in states), default=-1)

    return {
        "last_enqueued_collective": last(*_STATES),
        "last_started_collective": last("started", "completed"),
        "last_completed_collective": last("completed"),
    }


def _entry(entry: Collective, group_number: int, number: int) -> dict[str, Any]:
    name = entry.operation
    if entry.operation in ("send", "recv"):
        source, destination = (entry.group.ranks.index(rank) for rank in (entry.source, entry.destination))
        name += f" {source}->{destination}" if entry.operation == "send" else f" {destination}<-{source}"
    return {
        "record_id": entry.record,
        "pg_id": group_number,
        "process_group": (entry.group.name, entry.group.description),
        "collective_seq_id": entry.sequence,
        "p2p_seq_id": entry.p2p_sequence,
        "op_id": number,
        "profiling_name": f"{entry.backend}:{name}",
        "time_created_ns": entry.created_ns,
        "time_discovered_started_ns": entry.started_ns,
        "time_discovered_completed_ns": entry.completed_ns,
        "duration_ms": None,
        "timeout_ms": 600_000,
        "is_p2p": entry.is_p2p,
        "input_sizes": [[*size] for size in entry.input_sizes],
        "input_dtypes": [*entry.input_dtypes],
        "output_sizes": [[*size] for size in entry.output_sizes],
        "output_dtypes": [*entry.output_dtypes],
        "state": entry.state,
        "retired": entry.state == "completed",
        "frames": [{"name": frame.name, "filename": frame.filename, "line": frame.line} for frame in entry.frames],
    }

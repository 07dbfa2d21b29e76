"""The probed process: takes the probes of a calibration one by one, as it is told, and answers with raw samples."""

from __future__ import annotations

import json
import os
import time
import traceback
from typing import Any

from .answers import Answers
from .gil_probes import gil_costs
from .machine import available_cores, busy_seconds, describe
from .probes import Probe, ProbeError, costs, take
from .sharing import sharing


def serve(job: dict[str, Any], answers: Answers) -> int:
    """Answer with the probes there are, then with the samples of each that is commanded."""
    cores = available_cores()
    probes = {probe.name: probe for probe in [*costs(cores), *gil_costs(cores), *sharing(cores)]}
    units = {name: probe.unit for name, probe in probes.items()}
    answers.send({"status": "ready", "machine": describe(), "units": units})
    with os.fdopen(job["command_fd"], "r", encoding="utf-8") as commands:
        for line in commands:
            command: dict[str, Any] = json.loads(line)
            answers.send(_attempt(probes[command["probe"]], command["seconds"]))
    return 0


def _attempt(probe: Probe, seconds: float) -> dict[str, Any]:
    """One go at a probe; ``disturbed`` is the share of all processors' time that others used meanwhile."""
    own, all_of_us, begin = time.process_time(), busy_seconds(), time.perf_counter()
    try:
        samples = take(probe, seconds)
    except ProbeError as error:
        return {"status": "failed", "message": str(error)}
    except Exception:
        return {"status": "failed", "message": f"the probe {probe.name!r} failed: {traceback.format_exc()}"}
    own, after, elapsed = time.process_time() - own, busy_seconds(), time.perf_counter() - begin
    others = 0.0 if all_of_us is None or after is None else max(after - all_of_us - own, 0.0)
    return {
        "status": "ok",
        "samples": [round(sample, 4) for sample in samples],
        "disturbed": round(others / (elapsed * (os.cpu_count() or 1)), 3),
    }

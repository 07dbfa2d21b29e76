"""CUDA graphs: what is captured is written down, what is replayed is done again, as one action on one stream.

While it is captured the work is also computed, once, since Python code may look at the shapes of results; on a device the
memory holds nothing yet. Memory made meanwhile is the graph's until the graph is gone.
"""

from __future__ import annotations

from typing import Any

from .tape import Capture
from .torch_machine import refuse, tensors_in, torch
from .torch_streams import Current, Stream, StreamContext

_pools = iter(range(1, 1 << 62))


def graph_pool_handle() -> tuple[int, int]:
    return 0, next(_pools)


class CUDAGraph:
    """``torch.cuda.CUDAGraph``."""

    def __init__(self, keep_graph: bool = False) -> None:
        self._capture: Capture | None = None
        self._operations: list[tuple[Any, Any, dict[str, Any], list[Any]]] = []
        self._pool = graph_pool_handle()

    def capture_begin(self, pool: Any = None, capture_error_mode: str = "global") -> None:
        machine = Current.machine
        state = machine.state()
        stream = machine.current_stream(state.device)
        if stream.kind == "legacy":
            raise RuntimeError("CUDA graphs must be captured on a non-default stream.")
        if self._capture is not None or state.capture is not None:
            raise RuntimeError(
                "This CUDAGraph instance already owns a captured graph, or another one is being captured."
            )
        self._pool = pool or self._pool
        self._capture = machine.tape.capture(stream)
        state.capture = self

    def capture_end(self) -> None:
        machine = Current.machine
        machine.state().capture = None
        unjoined = machine.tape.end_capture()
        if unjoined:
            raise torch.AcceleratorError(
                f"CUDA error: capturing stream has unjoined work: {unjoined} further stream(s) took part and were not waited "
                "for at the end"
            )

    def add(self, func: Any, args: Any, kwargs: dict[str, Any], result: Any) -> None:
        """An operator was computed while capturing."""
        self._operations.append((func, args, kwargs, tensors_in(result)))

    def replay(self) -> None:
        machine = Current.machine
        capture = self._capture
        if capture is None or machine.state().capture is self:
            raise RuntimeError("Called CUDAGraph::replay without a preceding successful capture.")
        with torch._C.DisableTorchFunction(), torch.utils._python_dispatch._disable_current_modes(), torch.no_grad():
            for func, args, kwargs, before in self._operations:
                result = func(*args, **kwargs)
                for old, new in zip(before, tensors_in(result), strict=True):
                    if old.untyped_storage()._cdata != new.untyped_storage()._cdata:
                        old.copy_(new)
        stream = machine.current_stream(capture.origin.device)
        machine.tape.launch(stream, "graph replay", capture.reads, capture.writes)

    def reset(self) -> None:
        self._capture = None
        self._operations.clear()

    def pool(self) -> tuple[int, int]:
        return self._pool

    def enable_debug_mode(self) -> None:
        """There is nothing to debug."""

    def debug_dump(self, debug_path: str) -> None:
        refuse("writes a CUDA graph into a file", "leave debug_dump() out")


class graph:  # noqa: N801 - torch's name
    """``with torch.cuda.graph(g):`` captures the work of the block."""

    default_capture_stream: Any = None

    def __init__(
        self, cuda_graph: CUDAGraph, pool: Any = None, stream: Stream | None = None, capture_error_mode: str = "global"
    ) -> None:
        self.cuda_graph = cuda_graph
        self.pool = pool
        self.capture_stream = Stream() if stream is None else stream
        self.capture_error_mode = capture_error_mode
        self._context = StreamContext(self.capture_stream)

    def __enter__(self) -> None:
        machine = Current.machine
        machine.tape.device_done(self.capture_stream.known.device)
        self._context.__enter__()
        self.cuda_graph.capture_begin(self.pool, self.capture_error_mode)

    def __exit__(self, kind: Any, *rest: object) -> None:
        try:
            self.cuda_graph.capture_end()
        except RuntimeError:
            if kind is None:
                raise
        finally:
            self._context.__exit__(kind, *rest)


__all__ = ["CUDAGraph", "graph", "graph_pool_handle"]

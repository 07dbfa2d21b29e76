"""The names of ``torch.cuda``: devices, memory, streams, events and graphs, the errors of CUDA in its words, and torch as
it was afterwards."""

from __future__ import annotations

import gc
import threading
import types
from collections.abc import Generator
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is in the test extra for Python 3.11 only")

import torch

from weft.simcore import refusals
from weft.simcore.gpu.rows import DeviceDone, EventDone, Launch, NewStream, StreamDone
from weft.simcore.gpu.torch_cuda import NAME, virtual_gpus
from weft.simcore.world import Uncontrollable

from .torch_kit import cases


@pytest.fixture(autouse=True)
def _no_refusal_is_left() -> Generator[None]:
    yield
    refusals.refusal = None


@pytest.fixture
def machine() -> Generator[Any]:
    with virtual_gpus() as made:
        yield made


@pytest.fixture
def two() -> Generator[Any]:
    with virtual_gpus(2) as made:
        yield made


# Torch before and after.


def _names() -> dict[tuple[str, str], Any]:
    """Every name of the modules and classes that a stand-in could have changed."""
    holders: dict[str, Any] = {
        "torch": torch,
        "Tensor": torch.Tensor,
        "UntypedStorage": torch.UntypedStorage,
        "DeviceContext": torch.utils._device.DeviceContext,
        "autocast": torch.amp.autocast_mode.autocast,
        "autograd.graph": torch.autograd.graph,
    }
    for name in (
        "cuda",
        "cuda.memory",
        "cuda.random",
        "cuda.streams",
        "cuda.nvtx",
        "cuda.graphs",
        "cuda.amp",
        "accelerator",
    ):
        holders[name] = _module(name)
    for name in (
        "autograd",
        "autograd.function",
        "amp",
        "random",
        "utils._device",
        "utils.data",
        "serialization",
        "storage",
    ):
        holders[name] = _module(name)
    for name in ("_C", "backends.cudnn", "backends.cuda", "overrides", "_C._autograd"):
        holders[name] = _module(name)
    return {(name, key): value for name, holder in holders.items() for key, value in vars(holder).items()}


def _module(name: str) -> types.ModuleType:
    found: Any = torch
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _state() -> tuple[Any, ...]:
    return (
        torch.get_num_threads(),
        torch.get_default_device(),
        torch.is_grad_enabled(),
        torch.is_autocast_enabled("cuda"),
        torch.is_autocast_enabled("cpu"),
        torch._C._len_torch_function_stack(),
        torch._C._len_torch_dispatch_stack(),
        torch.cuda.is_available(),
        torch.cuda.device_count(),
    )


def _used_in_many_ways() -> None:
    x = torch.randn(3, 3, device="cuda", requires_grad=True)
    with torch.cuda.stream(torch.cuda.Stream()), torch.autocast("cuda"):
        y = (x @ x).sum()
    y.backward()
    torch.cuda.synchronize()
    torch.optim.AdamW([x]).step()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        x.detach().add_(1)
    graph.replay()
    torch.amp.GradScaler("cuda").scale(y.detach())


def test_every_name_of_torch_is_what_it_was_afterwards() -> None:
    with virtual_gpus():
        _used_in_many_ways()
    before, state = _names(), _state()
    with virtual_gpus(2):
        inside = _names()
        _used_in_many_ways()
    after = _names()
    changed = {key for key in inside if before.get(key) is not inside[key]}
    assert len(changed) > 60
    assert {key for key in before | after if before.get(key, key) is not after.get(key, key)} == set()
    assert _state() == state


def test_every_name_of_torch_is_what_it_was_after_an_error() -> None:
    before, state = _names(), _state()
    with pytest.raises(ZeroDivisionError), virtual_gpus(), torch.device("cuda"), torch.cuda.stream(torch.cuda.Stream()):
        raise ZeroDivisionError
    after = _names()
    assert {key for key in before | after if before.get(key, key) is not after.get(key, key)} == set()
    assert _state() == state


def test_a_default_device_that_was_set_inside_is_gone_afterwards() -> None:
    with virtual_gpus():
        torch.set_default_device("cuda")
    assert torch.get_default_device() == torch.device("cpu")
    assert torch.ones(1).device == torch.device("cpu")
    assert _state()[5:7] == (0, 0)


def test_without_the_virtual_device_there_is_none() -> None:
    with virtual_gpus():
        x = torch.ones(3, device="cuda")
    assert x.device == torch.device("cpu")
    assert not torch.cuda.is_available()
    with pytest.raises((AssertionError, RuntimeError)):
        torch.ones(3, device="cuda")


def test_a_tensor_made_outside_is_a_host_tensor_inside() -> None:
    x = torch.arange(3.0)
    with virtual_gpus():
        assert x.device == torch.device("cpu")
        assert (x.cuda() * 2).tolist() == [0, 2, 4]


def test_a_tensor_of_an_earlier_virtual_device_is_a_host_tensor_in_the_next() -> None:
    with virtual_gpus():
        x = torch.arange(3.0, device="cuda")
    with virtual_gpus() as machine:
        assert x.device == torch.device("cpu")
        assert len(machine.blocks) == 0
        assert x.cuda().tolist() == [0, 1, 2]


# Devices.


def test_what_is_said_about_the_device(machine: Any) -> None:
    cuda = torch.cuda
    assert cuda.is_available()
    assert cuda.is_initialized()
    cuda.init()
    assert (cuda.device_count(), cuda.current_device()) == (1, 0)
    assert cuda.get_device_name() == cuda.get_device_name(0) == cuda.get_device_name("cuda:0") == NAME
    assert cuda.get_device_capability() == (9, 0)
    assert cuda.is_bf16_supported()
    properties = cuda.get_device_properties(0)
    assert properties.total_memory == machine.capacity == 80 << 30
    assert (properties.major, properties.minor, properties.multi_processor_count) == (9, 0, 132)
    assert cuda.get_device_properties("cuda").name == NAME
    assert torch.backends.cuda.is_built() in (True, False)


def test_names_that_programs_print_or_branch_on(machine: Any) -> None:
    """None of these may fail: they stand at the beginning of many training programs."""
    cuda = torch.cuda
    assert isinstance(cuda.memory_summary(), str)
    assert isinstance(cuda.memory_stats(), dict)
    assert isinstance(cuda.get_arch_list(), list)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark
    cuda.manual_seed(3)
    cuda.manual_seed_all(3)
    cuda.empty_cache()
    cuda.ipc_collect()
    cuda.reset_peak_memory_stats()
    assert torch.accelerator.is_available()
    assert cuda.is_current_stream_capturing() is False


@pytest.mark.parametrize(
    "name", ["memory_stats", "memory_summary", "max_memory_allocated", "memory_allocated", "mem_get_info"]
)
def test_memory_functions_take_devices_in_every_form(name: str, two: Any) -> None:
    function = getattr(torch.cuda, name)
    answers = [
        function(),
        function(0),
        function("cuda"),
        function("cuda:0"),
        function(torch.device("cuda", 0)),
        function(None),
    ]
    assert all(answer == answers[0] for answer in answers)


def test_utilization_and_its_kin_are_answered_or_refused_not_crashed(machine: Any) -> None:
    for name in ("utilization", "temperature", "power_draw", "clock_rate", "memory_usage"):
        with pytest.raises((Uncontrollable, ModuleNotFoundError, RuntimeError)):
            getattr(torch.cuda, name)()
        refusals.refusal = None


def test_several_devices(two: Any) -> None:
    assert torch.cuda.device_count() == 2
    zero, one = torch.ones(3, device="cuda"), torch.ones(3, device="cuda:1")
    assert (str(zero.device), str(one.device)) == ("cuda:0", "cuda:1")
    assert (zero.get_device(), one.get_device()) == (0, 1)
    assert str((one + 1).device) == "cuda:1"
    assert str(torch.zeros_like(one).device) == str(one.new_ones(2).device) == "cuda:1"
    assert str(one.to("cuda:0").device) == "cuda:0"
    assert str(one.to("cuda").device) == "cuda:0"
    assert str(zero.to(one.device).device) == str(zero.cuda(1).device) == str(zero.to(one).device) == "cuda:1"
    assert str(one.cpu().device) == "cpu"
    assert torch.cuda.can_device_access_peer(0, 1)
    assert zero.to("cuda:1").tolist() == [1, 1, 1]


def test_a_copy_between_devices_in_place(two: Any) -> None:
    zero, one = torch.arange(3.0, device="cuda:0"), torch.zeros(3, device="cuda:1")
    assert one.copy_(zero) is one
    assert str(one.device) == "cuda:1"
    assert one.tolist() == [0, 1, 2]
    one[1:] = zero[:2] + 5
    assert one.tolist() == [0, 5, 6]


def test_the_current_device(two: Any) -> None:
    cuda = torch.cuda
    assert cuda.current_device() == 0
    with cuda.device(1):
        assert cuda.current_device() == 1
        assert str(torch.ones(1, device="cuda").device) == "cuda:1"
        assert str(torch.ones(1).cuda().device) == "cuda:1"
        assert cuda.current_stream().device.index == 1
        assert str(torch.ones(1, device="cuda:0").device) == "cuda:0"
        with cuda.device("cuda:0"):
            assert cuda.current_device() == 0
        with cuda.device(None), cuda.device(-1):
            assert cuda.current_device() == 1
        assert cuda.current_device() == 1
    assert cuda.current_device() == 0
    with cuda.device_of(torch.ones(1, device="cuda:1")):
        assert cuda.current_device() == 1
    with cuda.device_of(torch.ones(1)):
        assert cuda.current_device() == 0
    cuda.set_device(1)
    assert cuda.current_device() == 1
    assert torch.accelerator.current_device_index() == 1
    cuda.set_device("cuda:0")
    cuda.set_device(-1)
    assert cuda.current_device() == 0
    with torch.device("cuda:1"):
        assert str(torch.ones(1).device) == "cuda:1"
        assert cuda.current_device() == 0


def test_the_device_of_an_accelerator(two: Any) -> None:
    accelerator = torch.accelerator
    assert str(accelerator.current_accelerator()) == "cuda"
    assert accelerator.device_count() == 2
    accelerator.set_device_index(1)
    assert torch.cuda.current_device() == accelerator.current_device_index() == 1
    stream = torch.Stream()
    accelerator.set_stream(stream)
    assert accelerator.current_stream() == stream == torch.cuda.current_stream()
    accelerator.synchronize()
    assert two.tape.rows[-1] == DeviceDone(t=0, at=two.tape.rows[-1].at, device=1)
    x = torch.ones(3).to(accelerator.current_accelerator())
    assert str(x.device) == "cuda:1"


def test_the_index_of_an_accelerator_as_a_context(two: Any) -> None:
    with torch.accelerator.device_index(1):
        assert torch.accelerator.current_device_index() == 1
        assert torch.cuda.current_device() == 1
    assert torch.accelerator.current_device_index() == 0


def test_the_memory_of_an_accelerator(machine: Any) -> None:
    x = torch.ones(1 << 20, device="cuda")
    assert torch.accelerator.memory_allocated() == torch.cuda.memory_allocated() == 4 << 20
    assert torch.accelerator.max_memory_allocated() >= 4 << 20
    torch.accelerator.empty_cache()
    del x
    assert torch.accelerator.memory_allocated() == 0


def test_a_replica_on_each_device(two: Any) -> None:
    """As data parallelism by hand does it."""
    torch.manual_seed(1)
    layer = torch.nn.Linear(4, 2)
    x = torch.randn(6, 4)
    replicas = [torch.nn.Linear(4, 2).to(f"cuda:{number}") for number in range(2)]
    for replica in replicas:
        replica.load_state_dict(layer.state_dict())
    parts = [
        replica(part.to(f"cuda:{number}"))
        for number, (replica, part) in enumerate(zip(replicas, x.chunk(2), strict=True))
    ]
    assert [str(part.device) for part in parts] == ["cuda:0", "cuda:1"]
    loss = sum(part.square().sum().cpu() for part in parts)
    loss.backward()
    layer(x).square().sum().backward()
    assert [str(replica.weight.grad.device) for replica in replicas] == ["cuda:0", "cuda:1"]
    total = sum(replica.weight.grad.cpu() for replica in replicas)
    torch.testing.assert_close(total, layer.weight.grad)


def test_a_model_over_two_devices_trains(two: Any) -> None:
    first, second = torch.nn.Linear(4, 3).to("cuda:0"), torch.nn.Linear(3, 2).to("cuda:1")
    result = second(first(torch.randn(5, 4, device="cuda:0")).to("cuda:1"))
    result.sum().backward()
    assert str(first.weight.grad.device) == "cuda:0"
    assert str(second.weight.grad.device) == "cuda:1"
    optimizer = torch.optim.AdamW([*first.parameters(), *second.parameters()])
    optimizer.step()
    assert str(optimizer.state[first.weight]["exp_avg"].device) == "cuda:0"
    assert str(optimizer.state[second.weight]["exp_avg"].device) == "cuda:1"
    norm = torch.nn.utils.clip_grad_norm_([*first.parameters(), *second.parameters()], 1.0)
    assert norm.isfinite()


# Errors in CUDA's and torch's words.

SAME = "Expected all tensors to be on the same device"


@pytest.mark.parametrize(
    "operation",
    [
        lambda x, h: x + h,
        lambda x, h: h + x,
        lambda x, h: x @ h,
        lambda x, h: x.add_(h),
        lambda x, h: h.add_(x),
        lambda x, h: torch.cat([x, h]),
        lambda x, h: torch.stack([h, x]),
        lambda x, h: torch.where(x > 0, x, h),
        lambda x, h: torch.nn.functional.linear(x, h),
        lambda x, h: torch.add(x, x, out=torch.empty_like(h)),
        lambda x, h: torch.nn.functional.mse_loss(x, h),
        lambda x, h: torch.nn.Linear(2, 2)(x),
        lambda x, h: torch.nn.functional.embedding(torch.tensor([0], device=x.device), h),
        lambda x, h: torch.nn.functional.cross_entropy(x, torch.tensor([0, 1])),
        lambda x, h: x.gather(1, torch.zeros(2, 1, dtype=torch.long)),
        lambda x, h: torch._foreach_add([x, x], [h, h]),
    ],
)
def test_tensors_on_two_devices_are_an_error_in_torchs_words(operation: Any, machine: Any) -> None:
    with pytest.raises(RuntimeError, match=SAME):
        operation(torch.ones(2, 2, device="cuda"), torch.ones(2, 2))


def test_tensors_on_two_gpus_are_an_error_in_torchs_words(two: Any) -> None:
    with pytest.raises(RuntimeError, match=rf"{SAME}, but found at least two devices, cuda:0 and cuda:1!"):
        torch.ones(2, device="cuda:0") + torch.ones(2, device="cuda:1")


def test_a_number_on_another_gpu_is_an_error_in_torchs_words(two: Any) -> None:
    """Tensors without dimensions are taken from the host only."""
    with pytest.raises(RuntimeError, match=SAME):
        torch.ones(2, device="cuda:0") + torch.ones((), device="cuda:1")


@pytest.mark.xfail(strict=True, reason="index takes any devices")
def test_a_mask_on_the_device_does_not_index_a_host_tensor(machine: Any) -> None:
    h = torch.arange(3.0)
    with pytest.raises(RuntimeError, match="indices should be either on cpu or on the same device"):
        h[torch.tensor([0, 1], device="cuda")]


def test_a_number_on_the_device_is_not_added_to_a_host_tensor_in_place(machine: Any) -> None:
    """Tensors without dimensions come from the host to a device, not the other way."""
    with pytest.raises(RuntimeError, match=SAME):
        torch.ones(2) + torch.ones((), device="cuda")


@pytest.mark.parametrize(
    "use",
    [
        lambda: torch.ones(1, device="cuda:1"),
        lambda: torch.ones(1, device=torch.device("cuda", 3)),
        lambda: torch.ones(1).cuda(1),
        lambda: torch.ones(1).to("cuda:7"),
        lambda: torch.cuda.set_device(1),
        lambda: torch.cuda.Stream(device="cuda:1"),
        lambda: torch.cuda.current_stream(1),
        lambda: torch.cuda.synchronize(1),
        lambda: torch.cuda.device(1).__enter__(),
        lambda: torch.nn.Linear(2, 2).to("cuda:1"),
    ],
)
def test_a_device_that_is_not_there_is_an_error_in_cudas_words(use: Any, machine: Any) -> None:
    with pytest.raises(torch.AcceleratorError, match="CUDA error: invalid device ordinal"):
        use()


def test_numpy_needs_the_host(machine: Any) -> None:
    np = pytest.importorskip("numpy")
    x = torch.ones(3, device="cuda")
    words = "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu\\(\\) to copy the tensor to host memory first."
    with pytest.raises(TypeError, match=words):
        x.numpy()
    with pytest.raises(TypeError, match=words):
        np.asarray(x)
    assert x.cpu().numpy().sum() == 3


def test_another_library_is_refused(machine: Any) -> None:
    np = pytest.importorskip("numpy")
    x = torch.ones(3, device="cuda")
    with pytest.raises(Uncontrollable, match="another library"):
        np.from_dlpack(x)
    refusals.refusal = None
    with pytest.raises((Uncontrollable, AttributeError)):
        x.__cuda_array_interface__  # noqa: B018
    with pytest.raises(AttributeError):
        torch.ones(2).__cuda_array_interface__  # noqa: B018


def test_numpy_by_force_copies_to_the_host(machine: Any) -> None:
    x = torch.ones(3, device="cuda", requires_grad=True)
    assert x.numpy(force=True).tolist() == [1, 1, 1]


@pytest.mark.xfail(strict=True, reason="torch.utils.dlpack.to_dlpack is not among the handlers")
def test_a_capsule_for_another_library_is_refused(machine: Any) -> None:
    x = torch.ones(3, device="cuda")
    with pytest.raises(Uncontrollable, match="another library"):
        torch.utils.dlpack.to_dlpack(x)


def test_a_tensor_in_a_format_says_where_it_is(machine: Any) -> None:
    assert f"{torch.tensor([1.0, 2.0], device='cuda')}" == "tensor([1., 2.], device='cuda:0')"


@pytest.mark.xfail(strict=True, reason="the device is put after the size and the type")
def test_a_tensor_prints_where_it_is(machine: Any) -> None:
    x = torch.tensor([1.0, 2.0], device="cuda")
    assert repr(x) == str(x) == "tensor([1., 2.], device='cuda:0')"
    assert repr(x.int()) == "tensor([1, 2], device='cuda:0', dtype=torch.int32)"
    assert repr(x.requires_grad_()) == "tensor([1., 2.], device='cuda:0', requires_grad=True)"
    assert repr(x * 2) == "tensor([2., 4.], device='cuda:0', grad_fn=<MulBackward0>)"
    assert repr(torch.empty(0, device="cuda")) == "tensor([], device='cuda:0')"
    assert repr(torch.empty(0, 3, device="cuda")) == "tensor([], device='cuda:0', size=(0, 3))"
    assert repr(torch.tensor(3, device="cuda")) == "tensor(3, device='cuda:0')"
    assert repr(x.detach().cpu()) == "tensor([1., 2.])"
    parameter = torch.nn.Parameter(torch.ones(1, device="cuda"))
    assert repr(parameter) == "Parameter containing:\ntensor([1.], device='cuda:0', requires_grad=True)"
    assert f"{x.detach()[0]:.2f}" == "1.00"
    assert repr([x.detach()]) == "[tensor([1., 2.], device='cuda:0')]"


@pytest.mark.xfail(strict=True, reason="the device is put on the last line however long that is")
def test_a_long_tensor_prints_in_lines(machine: Any) -> None:
    x = torch.arange(40.0).reshape(2, 20)
    plain = repr(x)
    assert len(plain.splitlines()) > 2
    assert repr(x.cuda()) == plain[:-1] + ",\n       device='cuda:0')"


@pytest.mark.xfail(strict=True, reason="index_put_ takes any devices")
def test_values_on_the_host_are_not_set_by_an_index_on_the_device(machine: Any) -> None:
    x = torch.zeros(4, device="cuda")
    with pytest.raises(RuntimeError, match="device"):
        x[torch.tensor([0, 1], device="cuda")] = torch.tensor([1.0, 2.0])


@pytest.mark.xfail(strict=True, reason="what is set as .grad is not compared with the tensor's device")
def test_a_gradient_on_the_host_is_not_one_of_a_device_tensor(machine: Any) -> None:
    x = torch.ones(2, device="cuda", requires_grad=True)
    with pytest.raises(RuntimeError, match="assigned grad has data of a different"):
        x.grad = torch.ones(2)


# Memory.


LESS_KNOWN: dict[str, Any] = {
    "reset_peak_memory_stats": lambda: torch.cuda.memory.reset_peak_memory_stats(),
    "reset_accumulated_memory_stats": lambda: torch.cuda.reset_accumulated_memory_stats(),
    "memory_snapshot": lambda: torch.cuda.memory_snapshot(),
    "memory_stats_of_the_module": lambda: torch.cuda.memory.memory_stats()["allocated_bytes.all.current"],
    "memory_stats": lambda: torch.cuda.memory_stats()["num_alloc_retries"],
    "set_sync_debug_mode": lambda: torch.cuda.set_sync_debug_mode("default"),
    "record_memory_history": lambda: torch.cuda.memory._record_memory_history(enabled=None),
    "caching_allocator_alloc": lambda: torch.cuda.caching_allocator_alloc(100),
    "MemPool": lambda: torch.cuda.MemPool(),
    "set_per_process_memory_fraction": lambda: torch.cuda.set_per_process_memory_fraction(0.5),
    "host_memory_stats": lambda: torch.cuda.host_memory_stats(),
    "get_rng_state": lambda: torch.cuda.random.get_rng_state_all(),
    "seed": lambda: torch.cuda.seed(),
}


@pytest.mark.parametrize("use", cases(LESS_KNOWN))
def test_less_known_names_are_answered_or_refused(use: Any, machine: Any) -> None:
    try:
        use()
    except Uncontrollable:
        assert refusals.refusal is not None


def test_data_parallelism_over_devices_works_or_is_refused(two: Any) -> None:
    layer = torch.nn.DataParallel(torch.nn.Linear(2, 2).cuda())
    try:
        assert layer(torch.ones(4, 2, device="cuda")).shape == (4, 2)
    except Uncontrollable:
        assert refusals.refusal is not None


@pytest.mark.parametrize(
    "backend",
    cases(
        {"FLASH_ATTENTION": "FLASH_ATTENTION", "EFFICIENT_ATTENTION": "EFFICIENT_ATTENTION", "MATH": "MATH"},
        {"EFFICIENT_ATTENTION": "the CPU has no such kernel"},
    ),
)
def test_a_kernel_of_attention_may_be_asked_for(backend: str, machine: Any) -> None:
    kernels = torch.nn.attention
    x = torch.randn(1, 2, 4, 8, device="cuda", dtype=torch.float16)
    with kernels.sdpa_kernel(getattr(kernels.SDPBackend, backend)):
        assert torch.nn.functional.scaled_dot_product_attention(x, x, x).is_cuda


def test_a_profiler_of_the_device_says_nothing_on_its_own(machine: Any, capfd: pytest.CaptureFixture[str]) -> None:
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities):
        torch.ones(2, device="cuda").add_(1)
    assert "Failed to record CUDA event" not in capfd.readouterr().err


def test_memory_goes_up_and_down(machine: Any) -> None:
    cuda = torch.cuda
    assert cuda.memory_allocated() == 0
    x = torch.empty(1000, device="cuda")
    assert cuda.memory_allocated() == 4096
    y = torch.empty(1 << 20, device="cuda")
    assert cuda.memory_allocated() == 4096 + (4 << 20)
    view = y[5:]
    del y
    assert cuda.memory_allocated() == 4096 + (4 << 20)
    del view
    assert cuda.memory_allocated() == 4096
    assert cuda.max_memory_allocated() == 4096 + (4 << 20)
    assert cuda.memory_reserved() >= cuda.memory_allocated()
    cuda.reset_peak_memory_stats()
    assert cuda.max_memory_allocated() == 4096
    free, total = cuda.mem_get_info()
    assert (total, total - free) == (machine.capacity, 4096)
    assert cuda.memory_stats()["allocated_bytes.all.current"] == 4096
    del x
    assert cuda.memory_allocated() == 0


def test_host_tensors_take_no_memory_of_the_device(machine: Any) -> None:
    kept = torch.empty(1000), torch.empty(1000, device="cpu"), torch.ones(10).pin_memory()
    assert torch.cuda.memory_allocated() == 0
    assert len(kept) == 3


def test_the_memory_of_each_device(two: Any) -> None:
    x = torch.empty(128, device="cuda:1")
    assert [torch.cuda.memory_allocated(number) for number in range(2)] == [0, 512]
    with torch.cuda.device(1):
        assert torch.cuda.memory_allocated() == 512
    y = x.to("cuda:0")
    assert torch.cuda.memory_allocated(y.device) == 512


def test_results_and_gradients_take_memory(machine: Any) -> None:
    x = torch.ones(128, device="cuda", requires_grad=True)
    loss = (x * 2).sum()
    before = torch.cuda.memory_allocated()
    loss.backward()
    assert torch.cuda.memory_allocated() > before
    x.grad = None
    del loss
    gc.collect()
    assert torch.cuda.memory_allocated() == 512


def test_no_memory_is_left_after_training(machine: Any) -> None:
    def train() -> None:
        network = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1)).cuda()
        optimizer = torch.optim.AdamW(network.parameters())
        for _ in range(3):
            optimizer.zero_grad()
            network(torch.randn(4, 8).cuda()).square().mean().backward()
            optimizer.step()

    train()
    gc.collect()
    assert torch.cuda.memory_allocated() == 0


def test_more_than_there_is_is_an_error_in_cudas_words() -> None:
    with virtual_gpus(capacity=1 << 20):
        kept = torch.empty(1 << 17, device="cuda")
        with pytest.raises(torch.OutOfMemoryError, match=r"CUDA out of memory. Tried to allocate 1.00 MiB"):
            torch.empty(1 << 18, device="cuda")
        with pytest.raises(torch.cuda.OutOfMemoryError, match=r"512\.50 KiB"):
            torch.ones((1 << 17) + 1, device="cuda")
        del kept
        assert torch.cuda.memory_allocated() == 0
        assert torch.empty(1 << 18, device="cuda").is_cuda


def test_out_of_memory_in_the_middle_of_a_computation() -> None:
    with virtual_gpus(capacity=1 << 20):
        x = torch.ones(1 << 16, device="cuda")
        with pytest.raises(torch.OutOfMemoryError):
            kept = [x * number for number in range(10)]
        kept = []
        assert len(kept) == 0
        gc.collect()
        assert torch.cuda.memory_allocated() == 1 << 18


def test_a_capacity_may_be_below_that_of_one_tensor_on_the_host() -> None:
    with virtual_gpus(capacity=1024), pytest.raises(torch.OutOfMemoryError):
        torch.ones(1 << 10).cuda()


def test_addresses_are_those_of_the_device(machine: Any) -> None:
    x, y = torch.ones(4, device="cuda"), torch.ones(4, device="cuda")
    assert x.data_ptr() != y.data_ptr()
    assert x.data_ptr() % 512 == 0
    assert x[1:].data_ptr() == x.data_ptr() + 4
    address = x.data_ptr()
    assert x.view(2, 2).data_ptr() == address
    del x
    assert torch.ones(4, device="cuda").data_ptr() == address


# Streams and events.


def test_streams_say_what_they_are(two: Any) -> None:
    cuda = torch.cuda
    assert cuda.current_stream() == cuda.default_stream()
    assert cuda.default_stream().cuda_stream == 0
    side = cuda.Stream()
    assert side != cuda.default_stream()
    assert side.cuda_stream != 0
    assert isinstance(side, torch.cuda.Stream)
    assert isinstance(side, torch.Stream)
    assert hash(side) == hash(cuda.Stream(stream_id=side.stream_id, device_index=0, device_type=1))
    assert side.device == torch.device("cuda:0")
    assert cuda.Stream(device=1).device == torch.device("cuda:1")
    assert cuda.Stream(priority=-1).priority == -1
    assert cuda.Stream(priority=5).priority == 0
    assert cuda.Stream.priority_range() == (0, -1)
    assert side.query() is True
    assert "cuda.Stream" in repr(side)
    assert {side: 1}[side] == 1
    assert side != 3


def test_the_current_stream(two: Any) -> None:
    cuda = torch.cuda
    side, other = cuda.Stream(), cuda.Stream(device=1)
    with cuda.stream(side):
        assert cuda.current_stream() == side
        with cuda.stream(other):
            assert cuda.current_device() == 1
            assert cuda.current_stream() == other
            assert cuda.current_stream(0) == side
        assert cuda.current_device() == 0
        assert cuda.current_stream(1) == cuda.default_stream(1)
        with cuda.stream(None):
            assert cuda.current_stream() == side
        with cuda.stream(cuda.default_stream()):
            assert cuda.current_stream() == cuda.default_stream()
    assert cuda.current_stream() == cuda.default_stream()
    with side as entered:
        assert entered is side
        assert cuda.current_stream() == side
    cuda.set_stream(side)
    assert cuda.current_stream() == side
    cuda.set_stream(cuda.default_stream())


def test_the_current_stream_is_restored_after_an_error(machine: Any) -> None:
    with pytest.raises(ZeroDivisionError), torch.cuda.stream(torch.cuda.Stream()):
        raise ZeroDivisionError
    assert torch.cuda.current_stream() == torch.cuda.default_stream()


def test_a_stream_entered_twice_is_left_twice(machine: Any) -> None:
    first, second = torch.cuda.Stream(), torch.cuda.Stream()
    with first, second, first:
        assert torch.cuda.current_stream() == first
    assert torch.cuda.current_stream() == torch.cuda.default_stream()


def test_the_pool_has_32_streams_of_each_priority(machine: Any) -> None:
    normal = [torch.cuda.Stream() for _ in range(33)]
    high = [torch.cuda.Stream(priority=-1) for _ in range(33)]
    assert len({stream.cuda_stream for stream in normal[:32]}) == 32
    assert len({stream.cuda_stream for stream in high[:32]}) == 32
    assert normal[32] == normal[0]
    assert high[32] == high[0]
    assert not {stream.cuda_stream for stream in normal} & {stream.cuda_stream for stream in high}


def test_each_device_has_a_pool_of_its_own(two: Any) -> None:
    """Making streams on one device does not bring the other's pool round (``c10/cuda/CUDAStream.cpp``)."""
    first = torch.cuda.Stream(device=0)
    for _ in range(31):
        torch.cuda.Stream(device=1)
    assert torch.cuda.Stream(device=0) != first


def test_ten_thousand_streams(machine: Any) -> None:
    streams = [torch.cuda.Stream() for _ in range(10_000)]
    with torch.cuda.stream(streams[-1]):
        assert torch.ones(2, device="cuda").sum().item() == 2
    assert len({stream.cuda_stream for stream in streams}) == 32
    assert sum(isinstance(row, NewStream) for row in machine.tape.rows) <= 33


def test_events(machine: Any) -> None:
    cuda = torch.cuda
    event = cuda.Event()
    assert isinstance(event, torch.Event)
    assert event.query() is True
    event.record()
    event.wait()
    event.wait(cuda.Stream())
    event.synchronize()
    assert event.query() is True
    recorded = cuda.current_stream().record_event()
    assert isinstance(recorded, cuda.Event)
    cuda.Stream().wait_event(recorded)
    start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    start.record()
    torch.ones(3, device="cuda").add_(1)
    end.record()
    assert start.elapsed_time(end) > 0
    with pytest.raises(ValueError, match="enable_timing"):
        event.elapsed_time(end)
    with pytest.raises(ValueError, match="recorded"):
        start.elapsed_time(cuda.Event(enable_timing=True))
    generic = torch.Event("cuda")
    generic.record()
    torch.Stream("cuda").wait_event(generic)


def test_generic_streams_of_the_host_are_real(machine: Any) -> None:
    assert torch.Stream("cpu").device == torch.device("cpu")


def test_a_thread_begins_on_the_default_stream_of_device_zero(two: Any) -> None:
    """What another virtual thread has chosen is its own; here with the threads numbered by hand."""
    current = 0
    two.thread = lambda: (current, f"thread {current}")
    torch.cuda.set_device(1)
    torch.cuda.set_stream(torch.cuda.Stream())
    current = 1
    two.thread_changed()
    assert torch.cuda.current_device() == 0
    assert torch.cuda.current_stream(1) == torch.cuda.default_stream(1)
    current = 0
    two.thread_changed()
    assert torch.cuda.current_device() == 1
    assert torch.cuda.current_stream() != torch.cuda.default_stream()


def test_external_streams(machine: Any) -> None:
    stream = torch.cuda.ExternalStream(12345)
    assert stream.cuda_stream == 12345
    with torch.cuda.stream(stream):
        assert torch.cuda.current_stream() == stream
        torch.ones(2, device="cuda")
    kinds = {row.kind for row in machine.tape.rows if isinstance(row, NewStream)}
    assert kinds == {"blocking"}
    assert torch.cuda.get_stream_from_external(0) == torch.cuda.default_stream()


def test_nvtx_and_profiler_ranges_do_nothing(machine: Any) -> None:
    nvtx = torch.cuda.nvtx
    nvtx.range_push("a")
    nvtx.mark("b")
    nvtx.range_pop()
    nvtx.range_end(nvtx.range_start("c"))
    with nvtx.range("d"), torch.profiler.record_function("e"), torch.autograd.profiler.record_function("f"):
        x = torch.ones(1, device="cuda")
    assert x.is_cuda
    assert [row for row in machine.tape.rows if isinstance(row, StreamDone | DeviceDone | EventDone)] == []


def test_nvtx_ranges_of_autograd(machine: Any) -> None:
    with torch.autograd.profiler.emit_nvtx(False):
        assert torch.ones(1, device="cuda").sum().item() == 1


# Graphs.


def test_a_graph_is_captured_and_replayed_with_new_inputs(machine: Any) -> None:
    static = torch.zeros(3, device="cuda")
    graph = torch.cuda.CUDAGraph()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        (static * 2 + 1).sum()
    torch.cuda.current_stream().wait_stream(side)
    with torch.cuda.graph(graph):
        assert torch.cuda.is_current_stream_capturing()
        result = static * 2 + 1
        total = result.sum()
    assert not torch.cuda.is_current_stream_capturing()
    for number in range(3):
        static.copy_(torch.full((3,), float(number)))
        graph.replay()
        assert result.tolist() == [number * 2 + 1] * 3
        assert total.item() == 3 * (number * 2 + 1)


def test_a_graph_of_a_whole_training_step(machine: Any) -> None:
    torch.manual_seed(2)
    weight = torch.randn(3, device="cuda", requires_grad=True)
    expected = weight.detach().cpu().clone().requires_grad_()
    static = torch.zeros(3, device="cuda")
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        weight.grad = torch.zeros_like(weight)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    before = weight.detach().clone()
    with torch.cuda.graph(graph):
        weight.grad.zero_()
        loss = ((weight * static) ** 2).sum()
        loss.backward()
        with torch.no_grad():
            weight.sub_(weight.grad, alpha=0.1)
    with torch.no_grad():
        weight.copy_(before)
    for number in range(3):
        data = torch.full((3,), float(number + 1))
        static.copy_(data)
        graph.replay()
        plain = ((expected * data) ** 2).sum()
        (gradient,) = torch.autograd.grad(plain, expected)
        with torch.no_grad():
            expected.sub_(gradient, alpha=0.1)
        torch.testing.assert_close(loss.detach().cpu(), plain.detach())
        torch.testing.assert_close(weight.detach().cpu(), expected.detach())


def test_a_graph_with_branches(machine: Any) -> None:
    x = torch.ones(3, device="cuda")
    side = torch.cuda.Stream()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            y = x * 3
        z = x * 2
        torch.cuda.current_stream().wait_stream(side)
        total = y + z
    x.fill_(2)
    graph.replay()
    assert total.tolist() == [10, 10, 10]


def test_a_stream_that_is_not_joined_is_an_error_in_cudas_words(machine: Any) -> None:
    x = torch.ones(3, device="cuda")
    side = torch.cuda.Stream()
    capturing = torch.cuda.graph(torch.cuda.CUDAGraph())
    capturing.__enter__()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        x.add_(1)
    with pytest.raises(torch.AcceleratorError, match="CUDA error: capturing stream has unjoined work"):
        capturing.__exit__(None, None, None)
    assert torch.cuda.current_stream() == torch.cuda.default_stream()


FORBIDDEN: dict[str, Any] = {
    "stream_synchronize": lambda x: torch.cuda.current_stream().synchronize(),
    "device_synchronize": lambda x: torch.cuda.synchronize(),
    "item": lambda x: x.sum().item(),
    "cpu": lambda x: x.cpu(),
    "nonzero": lambda x: x.nonzero(),
    "print": lambda x: repr(x),
    "list": lambda x: x.tolist(),
    "bool": lambda x: bool(x[0] > 0),
    "upload_of_pageable": lambda x: x.copy_(torch.ones(3)),
    "tensor": lambda x: torch.tensor([1.0], device="cuda"),
    "stream_query": lambda x: torch.cuda.current_stream().query(),
}


@pytest.mark.parametrize("use", cases(FORBIDDEN))
def test_waiting_while_capturing_is_an_error_in_cudas_words(use: Any, machine: Any) -> None:
    x = torch.ones(3, device="cuda")
    with (
        pytest.raises(
            RuntimeError, match=r"CUDA error: operation (not permitted|failed)|Cannot copy between CPU and CUDA"
        ),
        torch.cuda.graph(torch.cuda.CUDAGraph()),
    ):
        use(x)
    assert torch.cuda.current_stream() == torch.cuda.default_stream()
    assert not torch.cuda.is_current_stream_capturing()


def test_a_graph_that_was_not_captured_is_not_replayed(machine: Any) -> None:
    with pytest.raises(RuntimeError, match="without a preceding successful capture"):
        torch.cuda.CUDAGraph().replay()


def test_a_capture_on_the_default_stream_is_an_error(machine: Any) -> None:
    with pytest.raises(RuntimeError, match="non-default stream"):
        torch.cuda.CUDAGraph().capture_begin()


def test_a_graph_by_hand(machine: Any) -> None:
    x = torch.ones(2, device="cuda")
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.stream(torch.cuda.Stream()):
        graph.capture_begin()
        y = x + 1
        graph.capture_end()
    x.fill_(5)
    graph.replay()
    assert y.tolist() == [6, 6]
    graph.reset()


def test_graphs_that_share_a_pool(machine: Any) -> None:
    x = torch.ones(2, device="cuda")
    first, second = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
    with torch.cuda.graph(first):
        y = x + 1
    with torch.cuda.graph(second, pool=first.pool()):
        z = y * 2
    x.fill_(4)
    first.replay()
    second.replay()
    assert z.tolist() == [10, 10]


def test_a_replay_is_one_action_of_the_current_stream(machine: Any) -> None:
    x = torch.ones(2, device="cuda")
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = x + 1
        y += 1
    before = len(machine.tape.rows)
    assert [row for row in machine.tape.rows if isinstance(row, Launch)][1:] == []
    graph.replay()
    (replayed,) = [row for row in machine.tape.rows[before:] if isinstance(row, Launch)]
    assert replayed.stream == machine.tape.stream(machine.default_stream(0))
    read, written = {span.storage for span in replayed.reads}, {span.storage for span in replayed.writes}
    assert machine.block(x).number in read
    assert machine.block(x).number not in written
    assert machine.block(y).number in written


def test_random_numbers_differ_from_replay_to_replay(machine: Any) -> None:
    x = torch.zeros(8, device="cuda")
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        x.normal_()
    graph.replay()
    first = x.tolist()
    graph.replay()
    assert x.tolist() != first


# Seeds.


def test_seeds(machine: Any) -> None:
    torch.cuda.manual_seed(5)
    first = torch.rand(3, device="cuda").tolist()
    torch.cuda.manual_seed_all(5)
    second = torch.rand(3, device="cuda").tolist()
    torch.manual_seed(5)
    third = torch.rand(3, device="cuda").tolist()
    state = torch.cuda.get_rng_state()
    fourth = torch.rand(3, device="cuda").tolist()
    torch.cuda.set_rng_state(state)
    assert torch.rand(3, device="cuda").tolist() == fourth
    assert first == second == third
    with torch.random.fork_rng(devices=[0]):
        torch.rand(3, device="cuda")
    states = torch.cuda.get_rng_state_all()
    torch.cuda.set_rng_state_all(states)


def test_a_generator_says_where_it_is(two: Any) -> None:
    assert torch.Generator(device="cuda").device == torch.device("cuda:0")
    assert torch.Generator(device="cuda:1").device == torch.device("cuda:1")
    assert torch.Generator().device == torch.device("cpu")
    assert isinstance(torch.Generator(), torch.Generator)


def test_the_default_generator_is_a_generator(machine: Any) -> None:
    assert isinstance(torch.default_generator, torch.Generator)


@pytest.mark.xfail(strict=True, reason="generators are not compared with the device")
def test_a_generator_of_the_host_is_an_error_for_the_device(machine: Any) -> None:
    with pytest.raises(RuntimeError, match="Expected a 'cuda' device type for generator but found 'cpu'"):
        torch.rand(2, device="cuda", generator=torch.Generator())


def test_real_threads_of_the_operating_system_are_not_left_behind(machine: Any) -> None:
    assert threading.active_count() == 1 or all(not t.name.startswith("weft") for t in threading.enumerate())

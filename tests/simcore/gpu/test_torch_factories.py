"""Making tensors and moving them: the same values as on the CPU, and the right answer to where they are."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Generator
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is in the test extra for Python 3.11 only")

import torch

from weft.simcore import refusals
from weft.simcore.gpu.torch_cuda import virtual_gpus
from weft.simcore.world import Uncontrollable

from .torch_kit import Host, Program, Programs, agree, cases, see

programs = Programs()


@pytest.fixture(autouse=True)
def _no_refusal_is_left() -> Generator[None]:
    yield
    refusals.refusal = None


@pytest.mark.parametrize("program", programs.parameters)
def test_a_program_computes_the_same_on_a_virtual_device(program: Program) -> None:
    agree(program)


# Factories.

FACTORIES: dict[str, Any] = {
    "arange": lambda **d: torch.arange(7, **d),
    "arange_of_floats": lambda **d: torch.arange(0, 2, 0.25, **d),
    "bartlett_window": lambda **d: torch.bartlett_window(8, **d),
    "blackman_window": lambda **d: torch.blackman_window(8, **d),
    "empty": lambda **d: torch.empty(3, 2, **d).fill_(3),
    "empty_of_a_tuple": lambda **d: torch.empty((3, 2), dtype=torch.int32, **d).zero_(),
    "empty_permuted": lambda **d: torch.empty_permuted((2, 3, 4), (2, 0, 1), **d).fill_(1),
    "empty_strided": lambda **d: torch.empty_strided((2, 3), (1, 2), **d).fill_(1),
    "eye": lambda **d: torch.eye(3, 4, **d),
    "fftfreq": lambda **d: torch.fft.fftfreq(5, **d),
    "rfftfreq": lambda **d: torch.fft.rfftfreq(5, **d),
    "full": lambda **d: torch.full((2, 3), 7.5, **d),
    "full_of_bools": lambda **d: torch.full((2,), True, **d),
    "hamming_window": lambda **d: torch.hamming_window(8, **d),
    "hann_window": lambda **d: torch.hann_window(8, **d),
    "kaiser_window": lambda **d: torch.kaiser_window(8, **d),
    "linspace": lambda **d: torch.linspace(0, 1, 5, **d),
    "logspace": lambda **d: torch.logspace(0, 2, 5, **d),
    "ones": lambda **d: torch.ones(2, 3, dtype=torch.float64, **d),
    "ones_that_require_grad": lambda **d: torch.ones(2, requires_grad=True, **d),
    "rand": lambda **d: torch.rand(4, **d),
    "randint": lambda **d: torch.randint(0, 10, (5,), **d),
    "randint_with_one_bound": lambda **d: torch.randint(10, (5,), **d),
    "randn": lambda **d: torch.randn(2, 2, **d),
    "randn_of_halves": lambda **d: torch.randn(4, dtype=torch.float16, **d),
    "randperm": lambda **d: torch.randperm(6, **d),
    "normal": lambda **d: torch.normal(0.0, 1.0, (3,), **d),
    "scalar_tensor": lambda **d: torch.scalar_tensor(2.5, **d),
    "tensor": lambda **d: torch.tensor([[1.0, 2.0], [3.0, 4.0]], **d),
    "tensor_of_numbers": lambda **d: torch.tensor([1, 2, 3], dtype=torch.int16, **d),
    "tensor_of_one_number": lambda **d: torch.tensor(5, **d),
    "tensor_of_nothing": lambda **d: torch.tensor([], **d),
    "tensor_of_complex_numbers": lambda **d: torch.tensor([1 + 2j, 3j], **d),
    "as_tensor": lambda **d: torch.as_tensor([1, 2, 3], **d),
    "asarray": lambda **d: torch.asarray([1.5, 2.5], **d),
    "tril_indices": lambda **d: torch.tril_indices(3, 3, **d),
    "triu_indices": lambda **d: torch.triu_indices(3, 3, **d),
    "zeros": lambda **d: torch.zeros(3, **d),
    "zeros_of_no_elements": lambda **d: torch.zeros(0, 3, **d),
    "cartesian": lambda **d: torch.cartesian_prod(torch.arange(2, **d), torch.arange(3, **d)),
    "meshgrid": lambda **d: torch.meshgrid(torch.arange(2, **d), torch.arange(3, **d), indexing="ij"),
    "complex": lambda **d: torch.complex(torch.ones(2, **d), torch.zeros(2, **d)),
    "polar": lambda **d: torch.polar(torch.ones(2, **d), torch.zeros(2, **d)),
    "vander": lambda **d: torch.vander(torch.arange(3, **d)),
    "block_diag": lambda **d: torch.block_diag(torch.ones(1, 2, **d), torch.ones(2, 1, **d)),
    "gaussian_window": lambda **d: torch.signal.windows.gaussian(6, **d),
}


@pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES)
@pytest.mark.parametrize("how", ["text", "device", "index"])
def test_a_factory_makes_what_it_makes_on_the_cpu(factory: Any, how: str) -> None:
    def program(device: str) -> Any:
        where: Any = device
        if how == "device":
            where = torch.device(device)
        elif how == "index" and device == "cuda":
            where = torch.device("cuda", 0)
        return factory(device=where)

    agree(program)


@pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES)
def test_a_factory_follows_the_default_device(factory: Any) -> None:
    def inside(device: str) -> Any:
        with torch.device(device):
            made = factory()
            return Host(made) if factory is FACTORIES["normal"] else made, Host(torch.ones(1, device="cpu"))

    agree(inside)


def test_every_constructor_of_torch_is_tried_here() -> None:
    """The list is torch's own; what is missing is another layout, or made by a name that is here."""
    elsewhere = {"empty_quantized", "nested_tensor", "range", "fft_fftfreq", "fft_rfftfreq"}
    names = {function.__name__ for function in torch.utils._device._device_constructors()}
    assert {name for name in names if not name.startswith("sparse_")} - elsewhere <= set(FACTORIES)


LIKE: dict[str, Any] = {
    "empty_like": lambda x: torch.empty_like(x).fill_(2),
    "empty_like_of_another_type": lambda x: torch.empty_like(x, dtype=torch.int64).fill_(2),
    "full_like": lambda x: torch.full_like(x, 3),
    "ones_like": torch.ones_like,
    "rand_like": torch.rand_like,
    "randint_like": lambda x: torch.randint_like(x, 5),
    "randn_like": torch.randn_like,
    "zeros_like": torch.zeros_like,
    "zeros_like_channels_last": lambda x: torch.zeros_like(x, memory_format=torch.preserve_format),
    "zeros_like_that_requires_grad": lambda x: torch.zeros_like(x, requires_grad=True),
    "zeros_like_on_the_host": lambda x: Host(torch.zeros_like(x, device="cpu")),
    "zeros_like_on_the_same_device": lambda x: torch.zeros_like(x, device=x.device),
    "new_empty": lambda x: x.new_empty(2, 3).fill_(1),
    "new_empty_strided": lambda x: x.new_empty_strided((2, 3), (1, 2)).fill_(1),
    "new_full": lambda x: x.new_full((2,), 3.5),
    "new_ones": lambda x: x.new_ones(3),
    "new_tensor": lambda x: x.new_tensor([1, 2, 3]),
    "new_tensor_of_another_type": lambda x: x.new_tensor([1, 2, 3], dtype=torch.int32),
    "new_zeros": lambda x: x.new_zeros((2, 2)),
    "new_zeros_on_the_host": lambda x: Host(x.new_zeros((2, 2), device="cpu")),
    "new_zeros_of_another_type": lambda x: x.new_zeros(2, dtype=torch.uint8),
    "bernoulli": lambda x: torch.bernoulli(torch.full_like(x, 0.5)),
    "normal_of_tensors": lambda x: torch.normal(x, torch.ones_like(x)),
    "multinomial": lambda x: torch.multinomial(x.abs() + 1, 2),
    "poisson": lambda x: torch.poisson(x.abs()),
    "new": lambda x: x.new(2, 3).zero_(),
}


NEW_TENSOR = "Tensor.new_tensor goes by a path without an operator that is seen: its result stays on the host"


@pytest.mark.parametrize("make", cases(LIKE))
def test_what_is_made_like_a_tensor_is_where_that_is(make: Any) -> None:
    agree(lambda device: make(torch.arange(6.0, device=device).reshape(2, 3)))


@pytest.mark.parametrize(
    "make", [torch.zeros_like, torch.ones_like, lambda x: x.new_zeros(2), lambda x: x.new_tensor(1)]
)
def test_what_is_made_like_a_host_tensor_is_on_the_host(make: Any) -> None:
    agree(lambda _: Host(make(torch.ones(2, 3))))


def test_a_host_tensor_inside_of_a_default_device_stays_on_the_host() -> None:
    def program(device: str) -> Any:
        x = torch.ones(3)
        with torch.device(device):
            return Host(torch.zeros_like(x)), Host(x.new_ones(2)), Host(x + 1), torch.as_tensor([1.0])

    agree(program)


@programs
def _default_device_set_for_all(device: str) -> Any:
    torch.set_default_device(device)
    try:
        return (
            torch.ones(2),
            torch.tensor([1, 2]),
            torch.nn.Linear(2, 2).weight,
            str(torch.get_default_device().type)[:0],
        )
    finally:
        torch.set_default_device(None)


@programs
def _default_devices_nest(device: str) -> Any:
    with torch.device("cpu"):
        one = torch.ones(1)
        with torch.device(device):
            two = torch.ones(2)
        three = torch.ones(3)
    return Host(one), two, Host(three)


@programs
def _a_generator_of_the_device(device: str) -> Any:
    numbers = torch.Generator(device=device)
    numbers.manual_seed(3)
    first = torch.randn(4, device=device, generator=numbers)
    state = numbers.get_state()
    second = torch.rand(2, device=device, generator=numbers)
    numbers.set_state(state)
    third = torch.rand(2, device=device, generator=numbers)
    return first, second, third, torch.randperm(5, device=device, generator=numbers), numbers.initial_seed()


@programs
def _in_place_random_numbers(device: str) -> Any:
    numbers = torch.Generator(device=device).manual_seed(1)
    x = torch.empty(5, device=device)
    return (
        x.clone().normal_(generator=numbers),
        x.clone().uniform_(0, 1),
        x.clone().bernoulli_(0.5),
        x.clone().exponential_(),
        x.clone().random_(0, 10),
        torch.nn.init.xavier_uniform_(torch.empty(3, 4, device=device)),
        torch.nn.init.orthogonal_(torch.empty(3, 3, device=device)),
    )


# Moving.

MOVES: dict[str, Any] = {
    "to_device": lambda x, d: x.to(d),
    "to_torch_device": lambda x, d: x.to(torch.device(d)),
    "to_device_by_name": lambda x, d: x.to(device=d),
    "to_dtype": lambda x, d: x.to(torch.float64),
    "to_dtype_by_name": lambda x, d: x.to(dtype=torch.int32),
    "to_device_and_dtype": lambda x, d: x.to(d, torch.float16),
    "to_device_and_dtype_by_name": lambda x, d: x.to(device=d, dtype=torch.int64),
    "to_device_and_dtype_mixed": lambda x, d: x.to(d, dtype=torch.int64),
    "to_without_blocking": lambda x, d: x.to(d, non_blocking=True),
    "to_positional_without_blocking": lambda x, d: x.to(d, torch.float32, True),
    "to_copy": lambda x, d: x.to(d, copy=True),
    "to_positional_copy": lambda x, d: x.to(d, torch.float32, False, True),
    "to_dtype_copy": lambda x, d: x.to(torch.float32, copy=True),
    "to_dtype_positional_copy": lambda x, d: x.to(torch.float64, False, True),
    "to_memory_format": lambda x, d: x.to(d, memory_format=torch.preserve_format),
    "to_contiguous": lambda x, d: x.to(d, memory_format=torch.contiguous_format),
    "to_nothing": lambda x, d: x.to(),
    "to_other": lambda x, d: x.to(torch.ones(1, dtype=torch.float64, device=d)),
    "to_other_by_name": lambda x, d: x.to(tensor=torch.ones(1, dtype=torch.float16, device=d)),
    "to_other_without_blocking": lambda x, d: x.to(torch.ones(1, device=d), True),
    "to_other_copy": lambda x, d: x.to(torch.ones(1, device=d), copy=True),
    "type_of_another": lambda x, d: x.to(d).type(torch.float64),
    "double": lambda x, d: x.to(d).double(),
    "half": lambda x, d: x.to(d).half(),
    "bfloat16": lambda x, d: x.to(d).bfloat16(),
    "int": lambda x, d: x.to(d).int(),
    "long": lambda x, d: x.to(d).long(),
    "bool": lambda x, d: x.to(d).bool(),
    "transposed": lambda x, d: x.t().to(d, copy=True),
    "strided": lambda x, d: x[:, ::2].to(d, copy=True),
    "expanded": lambda x, d: x[:1].expand(3, 3).to(d, copy=True),
    "there_and_back": lambda x, d: Host(x.to(d).to("cpu")),
    "there_and_back_without_blocking": lambda x, d: Host(x.to(d).to("cpu", non_blocking=True)),
    "there_and_back_as_doubles": lambda x, d: Host(x.to(d).to("cpu", torch.float64)),
    "there_and_back_by_cpu": lambda x, d: Host(x.to(d).cpu()),
    "cpu_of_a_host_tensor": lambda x, d: Host(x.cpu()),
    "copy_there": lambda x, d: torch.empty(2, 3, device=d).copy_(x),
    "copy_there_without_blocking": lambda x, d: torch.empty(2, 3, device=d).copy_(x, non_blocking=True),
    "copy_there_broadcast": lambda x, d: torch.empty(4, 2, 3, device=d).copy_(x),
    "copy_there_as_integers": lambda x, d: torch.empty(2, 3, dtype=torch.int32, device=d).copy_(x),
    "copy_back": lambda x, d: Host(torch.empty(2, 3).copy_(x.to(d))),
    "copy_back_as_doubles": lambda x, d: Host(torch.empty(2, 3, dtype=torch.float64).copy_(x.to(d))),
    "copy_within": lambda x, d: torch.empty(2, 3, device=d).copy_(x.to(d)),
    "copy_into_a_view": lambda x, d: torch.zeros(4, 3, device=d)[::2].copy_(x),
    "as_tensor": lambda x, d: torch.as_tensor(x, device=d),
    "as_tensor_of_another_type": lambda x, d: torch.as_tensor(x, dtype=torch.float64, device=d),
    "tensor_of_rows": lambda x, d: torch.tensor(x.tolist(), device=d),
    "clone": lambda x, d: x.to(d).clone(),
    "deepcopy": lambda x, d: copy.deepcopy(x.to(d)),
    "contiguous": lambda x, d: x.to(d).t().contiguous(),
    "set_item": lambda x, d: _filled(torch.zeros(2, 3, device=d), x),
    "moved_in_a_list": lambda x, d: [part.to(d) for part in x.unbind()],
    "from_numpy": lambda x, d: torch.from_numpy(x.numpy()).to(d),
    "numpy_of_the_copy": lambda x, d: x.to(d).cpu().numpy().tolist(),
    "list": lambda x, d: x.to(d).tolist(),
    "item": lambda x, d: x.to(d).sum().item(),
    "text": lambda x, d: str(x.to(d).cpu()),
    "number": lambda x, d: (float(x.to(d).sum()), int(x.to(d).sum()), bool(x.to(d).any()), len(x.to(d))),
    "iterated": lambda x, d: [*x.to(d)],
    "data": lambda x, d: x.to(d).data,
    "numbers_in_a_format": lambda x, d: f"{x.to(d).mean():.3f} {x.to(d).max().item()}",
}


def _filled(into: Any, values: Any) -> Any:
    into[...] = values
    return into


@pytest.mark.parametrize("move", cases(MOVES))
@pytest.mark.parametrize("start", ["host", "device"])
def test_a_move_gives_what_it_gives_on_the_cpu(move: Any, start: str) -> None:
    """Forms that name no device give a tensor where the first one was."""

    def program(device: str) -> Any:
        x = torch.arange(6.0, device="cpu" if start == "host" else device).reshape(2, 3)
        if start == "device" and move in (MOVES["from_numpy"], MOVES["cpu_of_a_host_tensor"]):
            x = x.cpu()
        result = move(x, device)
        stays = (
            MOVES["to_dtype"],
            MOVES["to_dtype_by_name"],
            MOVES["to_dtype_copy"],
            MOVES["to_dtype_positional_copy"],
        )
        return Host(result) if start == "host" and move in (*stays, MOVES["to_nothing"]) else result

    agree(program)


def test_a_move_to_where_the_tensor_is_gives_the_tensor_itself() -> None:
    with virtual_gpus():
        x = torch.ones(3, device="cuda")
        h = torch.ones(3)
        for same in (x.to("cuda"), x.to("cuda:0"), x.cuda(), x.cuda(0), x.to(x), x.to(torch.float32), x.type_as(x)):
            assert same is x
        for same in (h.to("cpu"), h.cpu(), h.to(h), h.float()):
            assert same is h
        assert x.to("cuda", copy=True) is not x
        assert x.to(x, copy=True).data_ptr() != x.data_ptr()


CUDA_FORMS: dict[str, Any] = {
    "cuda": lambda x: x.cuda(),
    "cuda_of_a_number": lambda x: x.cuda(0),
    "cuda_of_a_text": lambda x: x.cuda("cuda:0"),
    "cuda_of_a_device": lambda x: x.cuda(torch.device("cuda")),
    "cuda_by_name": lambda x: x.cuda(device=0),
    "cuda_without_blocking": lambda x: x.cuda(non_blocking=True),
    "cuda_positional_without_blocking": lambda x: x.cuda(0, True),
    "cuda_of_none": lambda x: x.cuda(None),
    "to_a_number": lambda x: x.to(0),
    "type_of_cuda": lambda x: x.type("torch.cuda.FloatTensor"),
    "type_of_the_class": lambda x: x.type(torch.cuda.FloatTensor),
    "as_tensor_on_a_number": lambda x: torch.as_tensor(x, device=0),
    "zeros_on_a_number": lambda x: torch.zeros(2, 3, device=0) + 1,
}


@pytest.mark.parametrize("move", cases(CUDA_FORMS))
def test_forms_that_only_a_device_knows(move: Any) -> None:
    with virtual_gpus():
        moved = see(move(torch.ones(2, 3)))
    assert (moved.device, moved.places, moved.dtype) == ("cuda:0", (True, False, 0), torch.float32)
    assert moved.tensor.tolist() == [[1.0] * 3] * 2


def test_the_type_of_a_tensor_says_where_it_is() -> None:
    with virtual_gpus():
        x = torch.ones(2, device="cuda")
        assert x.type() == "torch.cuda.FloatTensor"
        assert x.long().type() == "torch.cuda.LongTensor"
        assert x.cpu().type() == "torch.FloatTensor"
        assert x.type("torch.FloatTensor").device.type == "cpu"
        assert x.type("torch.cuda.DoubleTensor").dtype is torch.float64


def test_pinned_memory_is_host_memory_that_says_it_is_pinned() -> None:
    with virtual_gpus():
        plain = torch.arange(4.0)
        pinned = plain.pin_memory()
        made = torch.empty(4, pin_memory=True)
        assert [tensor.is_pinned() for tensor in (plain, pinned, made, torch.ones(3).cuda())] == [
            False,
            True,
            True,
            False,
        ]
        assert pinned.pin_memory() is pinned
        assert pinned[1:].is_pinned()
        assert pinned.device == torch.device("cpu")
        assert not pinned.is_cuda
        assert pinned.tolist() == [0, 1, 2, 3]
        assert pinned.numpy().tolist() == [0, 1, 2, 3]
        assert torch.zeros(2, pin_memory=True).is_pinned()
        assert torch.tensor([1, 2], pin_memory=True).is_pinned()
        assert torch.zeros_like(plain, pin_memory=True).is_pinned()
        assert plain.new_zeros(2, pin_memory=True).is_pinned()
        assert not torch.empty_like(pinned).is_pinned()
        assert not pinned.clone().is_pinned()
        with pytest.raises(RuntimeError, match="cannot pin"):
            torch.ones(2, device="cuda").pin_memory()


def test_pinned_memory_with_a_device_by_name() -> None:
    with virtual_gpus():
        assert torch.empty(2, device="cpu", pin_memory=True).is_pinned()
        with torch.device("cpu"):
            assert torch.empty(2, pin_memory=True).is_pinned()


def test_pinned_memory_on_a_device_is_an_error() -> None:
    with virtual_gpus(), pytest.raises(RuntimeError, match="pinned"):
        torch.empty(2, device="cuda", pin_memory=True)


@programs
def _complex_numbers(device: str) -> Any:
    x = torch.randn(3, 4, dtype=torch.complex64, device=device)
    return x.real, x.imag, x.conj(), x.abs(), x.angle(), torch.view_as_real(x), (x @ x.mH), x.conj().resolve_conj()


@programs
def _not_a_number(device: str) -> Any:
    x = torch.tensor([1.0, float("nan"), float("inf"), -float("inf")], device=device)
    return x, x.isnan(), x.isfinite(), x.nan_to_num(), x.nansum(), x.nanmean(), x == x


@programs
def _no_elements(device: str) -> Any:
    x = torch.empty(0, 4, device=device)
    return x, x.sum(), x.sum(0), torch.cat([x, x]), x @ torch.ones(4, 2, device=device), x.t(), Host(x.cpu()), x.numel()


@programs
def _saved_and_loaded(device: str) -> Any:
    x = torch.randn(3, device=device)
    file = io.BytesIO()
    torch.save({"x": x, "n": 3}, file)
    file.seek(0)
    here = torch.load(file)
    file.seek(0)
    host = torch.load(file, map_location="cpu")
    file.seek(0)
    there = torch.load(file, map_location=device)
    file.seek(0)
    mapped = torch.load(file, map_location=torch.device(device))
    return here["x"], Host(host["x"]), there["x"], mapped["x"], here["n"]


@programs
def _loaded_by_a_function(device: str) -> Any:
    file = io.BytesIO()
    torch.save(torch.randn(3, device=device), file)
    file.seek(0)
    return Host(torch.load(file, map_location=lambda storage, _: storage))


@programs
def _saved_on_the_host_and_loaded_there(device: str) -> Any:
    file = io.BytesIO()
    torch.save(torch.randn(3), file)
    file.seek(0)
    first = torch.load(file)
    file.seek(0)
    return Host(first), torch.load(file, map_location=device)


@programs
def _pickled(device: str) -> Any:
    x = torch.randn(3, device=device)
    return pickle.loads(pickle.dumps(x)), pickle.loads(pickle.dumps(torch.nn.Parameter(x)))


@programs
def _deep_copies(device: str) -> Any:
    x = torch.randn(3, device=device, requires_grad=True)
    (x * 2).sum().backward()
    y = copy.deepcopy(x)
    return y, copy.copy(x), copy.deepcopy({"a": [x.detach(), x.detach()]})


@programs
def _parameters(device: str) -> Any:
    a = torch.nn.Parameter(torch.randn(3, device=device))
    b = torch.nn.Parameter(torch.randn(3).to(device), requires_grad=False)
    return a, b, isinstance(a, torch.nn.Parameter), a.data, a.detach()


@programs
def _storages(device: str) -> Any:
    x = torch.arange(4.0, device=device)
    storage = x.untyped_storage()
    y = torch.empty(0, device=device).set_(storage, 1, (2,), (1,))
    return storage.nbytes(), y, x.storage_offset(), y.storage_offset(), x[1:].untyped_storage().nbytes()


@pytest.mark.xfail(strict=True, reason="UntypedStorage.device and is_cuda are not exchanged")
def test_a_storage_says_where_it_is() -> None:
    with virtual_gpus():
        x = torch.ones(3, device="cuda")
        assert x.untyped_storage().device == torch.device("cuda:0")
        assert x.untyped_storage().is_cuda


SPARSE: dict[str, Any] = {
    "to_sparse": lambda: torch.eye(2, device="cuda").to_sparse(),
    "sparse_coo_tensor": lambda: torch.sparse_coo_tensor(
        [[0], [1]], [2.0], (2, 2), device="cuda", check_invariants=True
    ),
    "moved": lambda: torch.eye(2).to_sparse().cuda(),
    "nested_tensor": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], device="cuda"),
}
UNCLEAR = "ends with an error of torch's about storages, not with a refusal"


@pytest.mark.parametrize(
    "make",
    cases(SPARSE, {"nested_tensor": UNCLEAR}),
)
def test_tensors_of_other_layouts_are_refused(make: Any) -> None:
    with virtual_gpus(), pytest.raises(Uncontrollable, match="cannot be simulated"):
        make()


def test_type_as_goes_where_the_other_is() -> None:
    agree(lambda device: torch.ones(2).type_as(torch.ones(1, dtype=torch.float64, device=device)))


META: dict[str, Any] = {
    "ones": lambda: torch.ones(2, device="meta"),
    "to": lambda: torch.ones(2, device="cuda").to("meta"),
    "empty_like": lambda: torch.empty_like(torch.ones(2, device="cuda"), device="meta"),
}


@pytest.mark.parametrize("make", cases(META))
def test_tensors_without_memory_are_made_as_ever(make: Any) -> None:
    with virtual_gpus() as machine:
        x = make()
        before = len(machine.tape.rows)
        y = x + 1
        assert str(x.device) == str(y.device) == "meta"
        assert (x.is_meta, x.is_cuda) == (True, False)
        assert len(machine.tape.rows) == before


@pytest.mark.xfail(strict=True, reason="torch.cuda.FloatTensor(...) ends with an error that says CUDA is missing")
def test_the_old_constructors() -> None:
    with virtual_gpus():
        assert torch.cuda.FloatTensor(3).is_cuda
        assert torch.cuda.LongTensor([1, 2]).tolist() == [1, 2]


@pytest.mark.xfail(strict=True, reason="the old types know no tensors of the virtual device")
def test_the_old_types() -> None:
    with virtual_gpus():
        assert isinstance(torch.ones(2, device="cuda"), torch.cuda.FloatTensor)
        assert not isinstance(torch.ones(2), torch.cuda.FloatTensor)


@pytest.mark.xfail(strict=True, reason="storage_of raises ValueError for a parameter that has no shape yet")
def test_parameters_without_a_shape_move() -> None:
    def program(device: str) -> Any:
        layer = torch.nn.LazyLinear(3).to(device)
        return layer(torch.ones(2, 4, device=device)), layer.weight

    agree(program)

"""Autograd, optimizers, mixed precision, modules, data and compilers: training on a virtual device is training on the CPU."""

from __future__ import annotations

import copy
import io
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is in the test extra for Python 3.11 only")

import torch
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

from weft.simcore.gpu.torch_cuda import virtual_gpus

from .torch_kit import Host, Program, Programs, agree

functional = torch.nn.functional
programs = Programs()


@pytest.mark.parametrize("program", programs.parameters)
def test_a_program_computes_the_same_on_a_virtual_device(program: Program) -> None:
    agree(program)


def _network(device: str) -> Any:
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2)).to(device)


def _batch(device: str) -> tuple[Any, Any]:
    return torch.randn(5, 4).to(device), torch.tensor([0, 1, 1, 0, 1]).to(device)


# Autograd.


@programs
def _backward(device: str) -> Any:
    x = torch.randn(3, 4).to(device).requires_grad_()
    w = torch.randn(4, 2, device=device, requires_grad=True)
    y = (x @ w).relu().sum()
    y.backward()
    return x, w, y, y.grad_fn is not None


@programs
def _backward_with_a_gradient(device: str) -> Any:
    x = torch.randn(3).to(device).requires_grad_()
    y = x * x
    y.backward(torch.ones(3, device=device), retain_graph=True)
    y.backward(gradient=torch.ones_like(y))
    return x


@programs
def _several_outputs_at_once(device: str) -> Any:
    x = torch.randn(3).to(device).requires_grad_()
    torch.autograd.backward([x.sum(), (x * 2).sum()])
    return x


@programs
def _gradients(device: str) -> Any:
    x = torch.randn(3).to(device).requires_grad_()
    y = torch.randn(3).to(device).requires_grad_()
    first, none = torch.autograd.grad((x**3).sum(), [x, y], create_graph=True, allow_unused=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    return first, none is None, second


@programs
def _create_graph(device: str) -> Any:
    x = torch.randn(3).to(device).requires_grad_()
    with warnings.catch_warnings():
        # Said once in a process.
        warnings.filterwarnings("ignore", ".*reference cycle", UserWarning)
        (x**3).sum().backward(create_graph=True)
    penalty = x.grad.norm()
    gradient = x.grad
    x.grad = None
    penalty.backward()
    return gradient.detach(), x


@programs
def _gradients_accumulate_and_are_cleared(device: str) -> Any:
    x = torch.randn(3).to(device).requires_grad_()
    for _ in range(3):
        (x * 2).sum().backward()
    total = x.grad.clone()
    x.grad.zero_()
    x.sum().backward()
    return total, x


@programs
def _gradients_of_non_leaves(device: str) -> Any:
    x = torch.randn(3).to(device).requires_grad_()
    y = x * 2
    y.retain_grad()
    y.sum().backward()
    return y.grad, x.grad, x.is_leaf, y.is_leaf


@programs
def _through_moves(device: str) -> Any:
    """Gradients of host leaves are on the host, those of device leaves on the device."""
    x = torch.randn(3, requires_grad=True)
    y = torch.randn(3, device=device, requires_grad=True)
    there = x.to(device, copy=True) * y
    back = there.to("cpu", torch.float64)
    back.sum().backward()
    return Host(x), y, Host(x.grad), y.grad, there, Host(back)


@programs
def _through_moves_without_blocking(device: str) -> Any:
    x = torch.randn(3, requires_grad=True)
    y = x.to(device, non_blocking=True).square()
    y.cpu().sum().backward()
    return Host(x), y


@programs
def _through_views_and_in_place(device: str) -> Any:
    x = torch.randn(4, 3).to(device).requires_grad_()
    y = x.clone()
    y[0] *= 2
    y[:, 1].add_(3)
    z = y.t().reshape(-1)[2:]
    z.exp_().sum().backward()
    return x, z


@programs
def _hooks_on_tensors(device: str) -> Any:
    seen: list[Any] = []
    x = torch.randn(3).to(device).requires_grad_()

    def halve(gradient: Any) -> Any:
        seen.append(gradient.detach().clone())
        seen.append(str(gradient.device.type)[:0] + str(gradient.device == x.device))
        return gradient / 2 + torch.zeros(3).to(x.device)

    y = x * 3
    y.register_hook(halve)
    x.register_post_accumulate_grad_hook(lambda leaf: seen.append(leaf.grad.clone()))
    handle = x.register_hook(lambda gradient: seen.append(gradient.clone()))
    y.sum().backward()
    handle.remove()
    return x, seen


@programs
def _hooks_on_modules(device: str) -> Any:
    seen: list[Any] = []
    network = _network(device)
    network[0].register_forward_pre_hook(lambda _, given: (given[0] + torch.ones(4).to(given[0].device),))
    network[0].register_forward_hook(lambda _, given, result: result * 2)
    network[2].register_full_backward_hook(lambda _, into, out: seen.extend([into[0].clone(), out[0].clone()]))
    network[2].register_full_backward_pre_hook(lambda _, out: (out[0] * torch.tensor(2.0).to(out[0].device),))
    x, _ = _batch(device)
    network(x).sum().backward()
    return seen, [*network.parameters()]


@programs
def _hooks_that_make_tensors(device: str) -> Any:
    seen: list[Any] = []
    x = torch.randn(3).to(device).requires_grad_()
    y = x * 3
    y.register_hook(
        lambda gradient: seen.extend(
            [torch.ones(2, device=device), gradient.to("cpu", copy=True).to(device), gradient.device == x.device]
        )
    )
    y.grad_fn.register_hook(lambda into, out: seen.append(out[0] + 1))
    y.grad_fn.register_prehook(lambda out: seen.append(out[0] * 2))
    torch.autograd.backward(y.sum())
    return seen, x


@programs
def _hooks_on_saved_tensors(device: str) -> Any:
    """Activations are offloaded to the host and come back."""
    x = torch.randn(3).to(device).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.cpu(), lambda t: t.to(device)):
        y = (x.exp() * x).sum()
    y.backward()
    return x, y


def test_hooks_on_saved_tensors_see_where_they_are() -> None:
    with virtual_gpus():
        seen: list[Any] = []
        x = torch.ones(3, device="cuda", requires_grad=True)

        def offload(saved: Any) -> Any:
            host = saved.cpu()
            seen.append((str(saved.device), str(host.device), host is saved))
            return host

        with torch.autograd.graph.saved_tensors_hooks(offload, lambda host: host.cuda()):
            (x * x.detach()).sum().backward()
    assert seen == [("cuda:0", "cpu", False)]


@programs
def _saved_on_the_host(device: str) -> Any:
    x = torch.randn(3).to(device).requires_grad_()
    with torch.autograd.graph.save_on_cpu():
        y = (x.exp() * x).sum()
    y.backward()
    return x, y


class _Cube(torch.autograd.Function):
    seen: tuple[Any, ...] = ()

    @staticmethod
    def forward(ctx: Any, x: Any, scale: float) -> Any:
        ctx.save_for_backward(x)
        ctx.scale = scale
        return x**3 * scale + torch.zeros(3, device=x.device)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        (x,) = ctx.saved_tensors
        _Cube.seen = (x.device == gradient.device, x.is_cuda == gradient.is_cuda)
        return gradient * 3 * x**2 * ctx.scale + torch.zeros(3, device=gradient.device), None


@programs
def _functions_of_ones_own(device: str) -> Any:
    x = torch.randn(3).to(device).requires_grad_()
    y = _Cube.apply(x, 2.0)
    y.sum().backward()
    return x, y, _Cube.seen


@programs
def _checkpoints(device: str) -> Any:
    network = _network(device)
    x = _batch(device)[0].requires_grad_()
    dropout = torch.nn.Dropout(0.5)
    y = checkpoint(lambda given: dropout(network(given)), x, use_reentrant=False)
    y.sum().backward()
    return x, y, [*network.parameters()]


@programs
def _reentrant_checkpoints(device: str) -> Any:
    network = _network(device)
    x = _batch(device)[0].requires_grad_()
    y = checkpoint(network, x, use_reentrant=True)
    y.sum().backward()
    return x, y, [*network.parameters()]


@programs
def _without_gradients(device: str) -> Any:
    x = torch.randn(3).to(device).requires_grad_()
    with torch.no_grad():
        a = x * 2
        x.add_(1)
    with torch.inference_mode():
        b = x * 3
        c = torch.ones(2, device=device)
        inferred = b.is_inference(), c.is_inference()
        d = b.cpu()
    with torch.enable_grad():
        e = x * 2
    with torch.set_grad_enabled(False):
        f = x * 2
    return a, b, c, inferred, Host(d), e, f, x.detach(), x.detach().requires_grad_(), x.data


@programs
def _inference_moves(device: str) -> Any:
    network = _network(device).eval()
    with torch.inference_mode():
        x = torch.randn(2, 4).to(device)
        return network(x), Host(network(x).cpu()), network(x).argmax(1).tolist()


@programs
def _anomalies_are_found(device: str) -> Any:
    x = torch.zeros(2).to(device).requires_grad_()
    with torch.autograd.set_detect_anomaly(True, check_nan=True), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        y = (x.sqrt() * 0).sum()
        with pytest.raises(RuntimeError, match="returned nan values"):
            y.backward()
    assert any("Error detected in" in str(warning.message) for warning in caught)
    return x


@programs
def _changed_in_place_is_an_error(device: str) -> Any:
    x = torch.randn(3).to(device).requires_grad_()
    y = x.exp()
    z = y.sum()
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        (z + y.sum()).backward()
    return z


@programs
def _backward_twice_is_an_error(device: str) -> Any:
    x = torch.randn(3).to(device).requires_grad_()
    y = x.exp().sum()
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()
    return x


@programs
def _jacobians(device: str) -> Any:
    x = torch.randn(3).to(device)
    return (
        torch.autograd.functional.jacobian(lambda v: v**2, x),
        torch.autograd.functional.hessian(lambda v: (v**3).sum(), x),
        torch.autograd.functional.vjp(lambda v: v**2, x, torch.ones(3, device=device)),
    )


@programs
def _gradients_are_checked(device: str) -> Any:
    x = torch.randn(2, 2, dtype=torch.float64).to(device).requires_grad_()
    return torch.autograd.gradcheck(torch.sin, (x,)), x


@programs
def _parts_of_the_model_on_the_host(device: str) -> Any:
    """Embeddings on the host, the rest on the device, a loss on the host."""
    rows, layer = torch.nn.Embedding(5, 4), torch.nn.Linear(4, 2).to(device)
    result = layer(rows(torch.tensor([1, 3])).to(device)).cpu()
    loss = functional.cross_entropy(result, torch.tensor([0, 1]))
    loss.backward()
    return Host(rows.weight), layer.weight, layer.bias, Host(loss)


# Optimizers.

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda p: torch.optim.SGD(p, 0.1),
    "sgd_momentum": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "sgd_foreach": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, foreach=True),
    "sgd_fused": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, fused=True),
    "adam": lambda p: torch.optim.Adam(p, 0.1, amsgrad=True),
    "adam_single": lambda p: torch.optim.Adam(p, 0.1, foreach=False),
    "adam_foreach": lambda p: torch.optim.Adam(p, 0.1, foreach=True),
    "adam_fused": lambda p: torch.optim.Adam(p, 0.1, fused=True),
    "adamw": lambda p: torch.optim.AdamW(p, 0.1),
    "adamw_single": lambda p: torch.optim.AdamW(p, 0.1, foreach=False),
    "adamw_foreach": lambda p: torch.optim.AdamW(p, 0.1, foreach=True, weight_decay=0.1),
    "adamw_fused": lambda p: torch.optim.AdamW(p, 0.1, fused=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, 0.01, momentum=0.5, centered=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, 0.1),
    "adadelta": lambda p: torch.optim.Adadelta(p),
    "adamax": lambda p: torch.optim.Adamax(p),
    "nadam": lambda p: torch.optim.NAdam(p),
    "radam": lambda p: torch.optim.RAdam(p),
    "rprop": lambda p: torch.optim.Rprop(p),
    "asgd": lambda p: torch.optim.ASGD(p),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_an_optimizer_makes_the_steps_that_it_makes_on_the_cpu(make: Any) -> None:
    def program(device: str) -> Any:
        network = _network(device)
        optimizer = make(network.parameters())
        for _ in range(3):
            x, classes = _batch(device)
            optimizer.zero_grad()
            functional.cross_entropy(network(x), classes).backward()
            optimizer.step()
        big = [
            value
            for state in optimizer.state.values()
            for value in state.values()
            if isinstance(value, torch.Tensor) and value.dim()
        ]
        return [*network.parameters()], big

    agree(program)


def test_the_counters_of_an_optimizer_are_where_torch_keeps_them() -> None:
    """On the host, unless it is fused or capturable: then a device would have to wait for the host."""
    with virtual_gpus():
        where: list[str] = []
        for given in ({}, {"foreach": True}, {"foreach": False}, {"fused": True}, {"capturable": True}):
            weight = torch.nn.Parameter(torch.ones(2, device="cuda"))
            optimizer = torch.optim.Adam([weight], **given)
            weight.sum().backward()
            optimizer.step()
            where.append(optimizer.state[weight]["step"].device.type)
    assert where == ["cpu", "cpu", "cpu", "cuda", "cuda"]


@programs
def _lbfgs(device: str) -> Any:
    x = torch.tensor([2.0, -1.0], device=device, requires_grad=True)
    optimizer = torch.optim.LBFGS([x], max_iter=5, line_search_fn="strong_wolfe")

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (x**2).sum() + x[0]
        loss.backward()
        return loss

    first = optimizer.step(closure)
    return first, x


@programs
def _schedulers(device: str) -> Any:
    network = _network(device)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    warm = torch.optim.lr_scheduler.LinearLR(optimizer, total_iters=2)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
    both = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, cosine], [2])
    rates: list[float] = []
    for _ in range(4):
        x, classes = _batch(device)
        loss = functional.cross_entropy(network(x), classes)
        loss.backward()
        optimizer.step()
        both.step()
        rates += both.get_last_lr()
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    plateau.step(loss.item())
    plateau.step(loss.item() + 1)
    rates.append(optimizer.param_groups[0]["lr"])
    return rates, [*network.parameters()]


@programs
def _gradients_are_clipped(device: str) -> Any:
    network = _network(device)
    x, classes = _batch(device)
    (functional.cross_entropy(network(x), classes) * 100).backward()
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    plain = torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5, foreach=False)
    torch.nn.utils.clip_grad_value_(network.parameters(), 0.1)
    vector = torch.nn.utils.parameters_to_vector(network.parameters())
    torch.nn.utils.vector_to_parameters(vector * 2, network.parameters())
    return norm, plain, [*network.parameters()], vector


@programs
def _learning_rate_in_a_tensor(device: str) -> Any:
    network = _network(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=torch.tensor(0.1), foreach=False)
    network(_batch(device)[0]).sum().backward()
    optimizer.step()
    return [*network.parameters()]


@programs
def _averaged_models(device: str) -> Any:
    network = _network(device)
    average = torch.optim.swa_utils.AveragedModel(network)
    ema = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    with torch.no_grad():
        for value in network.parameters():
            value.add_(1)
    average.update_parameters(network)
    average.update_parameters(network)
    ema.update_parameters(network)
    ema.update_parameters(network)
    return [*average.module.parameters()], [*ema.module.parameters()]


# Mixed precision.


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["float16", "bfloat16"])
@pytest.mark.parametrize("how", ["torch.autocast", "torch.amp.autocast", "decorator"])
def test_autocast_chooses_the_types_that_it_chooses_on_the_cpu(dtype: Any, how: str) -> None:
    def program(device: str) -> Any:
        x = torch.randn(4, 4).to(device)
        w = torch.randn(4, 4).to(device).requires_grad_()
        context = torch.amp.autocast if how == "torch.amp.autocast" else torch.autocast

        def forward() -> Any:
            y = x @ w
            with context(device_type=device, enabled=False):
                z = x @ w
            return y, z, functional.linear(x, w), x + 1

        if how == "decorator":
            results = context(device, dtype=dtype)(forward)()
        else:
            with context(device_type=device, dtype=dtype):
                results = forward()
        results[0].float().sum().backward()
        return results, w, x @ w

    agree(program)


def test_autocast_says_that_it_is_on() -> None:
    with virtual_gpus():
        assert not torch.is_autocast_enabled("cuda")
        with torch.autocast("cuda"):
            assert torch.is_autocast_enabled("cuda")
            assert torch.get_autocast_dtype("cuda") is torch.float16
            assert (torch.ones(2, 2, device="cuda") @ torch.ones(2, 2, device="cuda")).dtype is torch.float16
        with torch.autocast("cuda", enabled=False):
            assert (torch.ones(2, 2, device="cuda") @ torch.ones(2, 2, device="cuda")).dtype is torch.float32
        assert not torch.is_autocast_enabled("cuda")
        assert not torch.is_autocast_enabled("cpu")


@pytest.mark.xfail(strict=True, reason="autocast of cuda is autocast of the CPU, for all tensors")
def test_autocast_of_a_device_leaves_host_tensors_alone() -> None:
    with virtual_gpus(), torch.autocast("cuda", dtype=torch.bfloat16):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32


@pytest.mark.xfail(strict=True, reason="autocast of the CPU is not confined to host tensors")
def test_autocast_of_the_host_leaves_device_tensors_alone() -> None:
    with virtual_gpus(), torch.autocast("cpu", dtype=torch.bfloat16):
        x = torch.ones(2, 2, device="cuda")
        assert (x @ x).dtype is torch.float32


@pytest.mark.xfail(strict=True, reason="the lists are those of the CPU")
def test_autocast_follows_the_lists_of_cuda() -> None:
    """``aten/src/ATen/autocast_mode.h``: these differ from the CPU's in what is computed in 32 bits."""
    with virtual_gpus():
        x = torch.ones(4, 4, device="cuda")
        images = torch.ones(1, 3, 8, 8, device="cuda")
        with torch.autocast("cuda", dtype=torch.float16):
            low = x @ x
            halves = {
                "matmul": low,
                "linear": functional.linear(x, x),
                "conv2d": functional.conv2d(images, torch.ones(2, 3, 3, 3, device="cuda")),
                "relu": low.relu(),
                "add": low + low,
                "einsum": torch.einsum("ij,jk->ik", x, x),
            }
            wholes = {
                "softmax": low.softmax(1),
                "log_softmax": low.log_softmax(1),
                "sum": low.sum(),
                "exp": low.exp(),
                "log": low.log(),
                "pow": low.pow(2),
                "norm": low.norm(),
                "layer_norm": functional.layer_norm(low, (4,)),
                "cross_entropy": functional.cross_entropy(low, torch.zeros(4, dtype=torch.long, device="cuda")),
                "mse_loss": functional.mse_loss(low, x),
                "mixed": low + x,
            }
    assert {name: value.dtype for name, value in halves.items()} == dict.fromkeys(halves, torch.float16)
    assert {name: value.dtype for name, value in wholes.items()} == dict.fromkeys(wholes, torch.float32)


def test_the_old_names_of_autocast_and_scaler() -> None:
    with virtual_gpus():
        with pytest.warns(FutureWarning, match="autocast"):
            context = torch.cuda.amp.autocast()
        x = torch.ones(2, 2, device="cuda")
        with context:
            assert (x @ x).dtype is torch.float16
        with pytest.warns(FutureWarning, match="GradScaler"):
            assert torch.cuda.amp.GradScaler().is_enabled()


@programs
def _gradients_are_scaled(device: str) -> Any:
    network = _network(device)
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    scaler = torch.amp.GradScaler(device, init_scale=8.0, growth_interval=1)
    scales: list[float] = []
    for step in range(3):
        x, classes = _batch(device)
        optimizer.zero_grad()
        with torch.autocast(device, dtype=torch.bfloat16):
            loss = functional.cross_entropy(network(x), classes)
        if step == 1:
            loss = loss * float("inf")
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0, foreach=False)
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    return scales, [*network.parameters()], scaler.state_dict()


@programs
def _fused_steps_are_scaled(device: str) -> Any:
    network = _network(device)
    optimizer = torch.optim.AdamW(network.parameters(), 0.1, fused=True)
    scaler = torch.amp.GradScaler(device, init_scale=8.0)
    x, classes = _batch(device)
    scaler.scale(functional.cross_entropy(network(x), classes)).backward()
    scaler.step(optimizer)
    scaler.update()
    return [*network.parameters()], scaler.get_scale()


# Modules.


class _WithBuffers(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(3))
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("count", torch.tensor(0), persistent=False)
        self.tied = self.weight

    def forward(self, x: Any) -> Any:
        self.mean.copy_(0.9 * self.mean + 0.1 * x.detach().mean(0))
        self.count += 1
        return (x - self.mean) * self.weight * self.tied


@programs
def _modules_move(device: str) -> Any:
    module = _WithBuffers()
    assert module.to(device) is module
    result = module(torch.randn(2, 3).to(device))
    tied = module.tied is module.weight
    there = [module.weight, module.mean, module.count]
    half = copy.deepcopy(module).half()
    double = copy.deepcopy(module).to(torch.float64)
    host = copy.deepcopy(module).cpu()
    back = copy.deepcopy(host).to(device, torch.bfloat16)
    return (
        result,
        tied,
        there,
        [*half.parameters(), half.mean, half.count],
        [*double.parameters()],
        [Host(value) for value in (*host.parameters(), *host.buffers())],
        [*back.parameters(), back.count],
    )


@programs
def _modules_move_with_their_gradients(device: str) -> Any:
    module = torch.nn.Linear(3, 2)
    module(torch.ones(1, 3)).sum().backward()
    before = module.weight
    module.to(device)
    host = copy.deepcopy(module).to("cpu")
    return module.weight, module.weight.grad, module.weight is before, Host(host.weight), Host(host.weight.grad)


def test_forms_of_moving_a_module_that_only_a_device_knows() -> None:
    with virtual_gpus():
        module = torch.nn.Linear(2, 2)
        for move in (lambda: module.cuda(), lambda: module.cuda(0), lambda: module.to("cuda:0"), lambda: module.to(0)):
            assert move().weight.is_cuda
            assert module.bias.device == torch.device("cuda:0")
            assert not module.cpu().weight.is_cuda
        assert next(torch.nn.Linear(2, 2, device="cuda", dtype=torch.float16).parameters()).dtype is torch.float16
        assert all(value.is_cuda for value in torch.nn.LSTM(2, 2).cuda().parameters())


@programs
def _modules_made_on_nothing(device: str) -> Any:
    with torch.device("meta"):
        module = torch.nn.Linear(3, 2)
    module.to_empty(device=device)
    with torch.no_grad():
        for value in module.parameters():
            value.fill_(0.5)
    return module(torch.ones(1, 3, device=device)), [*module.parameters()]


@programs
def _modules_made_under_a_default_device(device: str) -> Any:
    with torch.device(device):
        module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2), torch.nn.Embedding(2, 2))
    return [*module.parameters()], [*module.buffers()]


@programs
def _states_are_saved_and_loaded(device: str) -> Any:
    network = _network(device)
    optimizer = torch.optim.AdamW(network.parameters(), 0.1)
    network(_batch(device)[0]).sum().backward()
    optimizer.step()
    file = io.BytesIO()
    torch.save({"model": network.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, file)
    file.seek(0)
    saved = torch.load(file, map_location=device, weights_only=True)
    file.seek(0)
    on_host = torch.load(file, map_location="cpu", weights_only=True)
    again = _network(device)
    missing = again.load_state_dict(saved["model"])
    third = _network(device)
    third.load_state_dict(on_host["model"])
    other = torch.optim.AdamW(again.parameters(), 0.1)
    other.load_state_dict(on_host["optimizer"])
    moments = [state["exp_avg"] for state in other.state.values()]
    return (
        [*again.parameters()],
        [*third.parameters()],
        str(missing),
        [Host(value) for value in on_host["model"].values()],
        [*saved["model"].values()],
        moments,
        saved["epoch"],
    )


@programs
def _states_assigned(device: str) -> Any:
    network = _network(device)
    state = {name: value.detach().clone() + 1 for name, value in network.state_dict().items()}
    network.load_state_dict(state, assign=True)
    return [*network.parameters()]


@programs
def _states_of_the_host_loaded_into_a_model_of_the_device(device: str) -> Any:
    state = _network("cpu").state_dict()
    network = _network(device)
    network.load_state_dict(state)
    return [*network.parameters()]


@programs
def _modules_are_copied(device: str) -> Any:
    network = _network(device)
    network(_batch(device)[0]).sum().backward()
    again = copy.deepcopy(network)
    return [*again.parameters()], again(_batch(device)[0])


@programs
def _modules_are_pickled(device: str) -> Any:
    again = pickle.loads(pickle.dumps(_network(device)))
    return [*again.parameters()], again(_batch(device)[0])


@programs
def _parameters_in_lists(device: str) -> Any:
    values = torch.nn.ParameterList([torch.randn(2), torch.randn(3)]).to(device)
    named = torch.nn.ParameterDict({"a": torch.nn.Parameter(torch.randn(2, device=device))})
    return [*values], [*named.values()], [str(value.device == values[0].device) for value in values]


# Data.


@programs
def _loaders(device: str) -> Any:
    data = TensorDataset(torch.arange(12.0).reshape(6, 2), torch.arange(6))
    found: list[Any] = []
    for x, y in DataLoader(data, batch_size=4, shuffle=True, num_workers=0, generator=torch.Generator().manual_seed(1)):
        found.append(Host(x))
        found.append(x.to(device, non_blocking=True, copy=True) * 2)
        found.append(y.to(device, copy=True))
    return found


def test_a_loader_pins_its_batches() -> None:
    with virtual_gpus():
        data = TensorDataset(torch.arange(12.0).reshape(6, 2), torch.arange(6))
        values: list[float] = []
        for x, y in DataLoader(data, batch_size=4, pin_memory=True, num_workers=0):
            assert x.is_pinned()
            assert y.is_pinned()
            assert not x.is_cuda
            values += x.cuda(non_blocking=True).sum(1).tolist()
    assert values == [1.0, 5.0, 9.0, 13.0, 17.0, 21.0]


@programs
def _data_on_the_device(device: str) -> Any:
    data = TensorDataset(torch.arange(12.0, device=device).reshape(6, 2))
    return [batch for (batch,) in DataLoader(data, batch_size=4)]


# Functions of functions.


@programs
def _mapped_over_a_batch(device: str) -> Any:
    x, w = torch.randn(5, 4).to(device), torch.randn(4, 3).to(device)
    return torch.func.vmap(lambda row: row @ w)(x), torch.vmap(torch.dot)(x, x)


@programs
def _gradients_of_functions(device: str) -> Any:
    x = torch.randn(4).to(device)
    gradient, value = torch.func.grad_and_value(lambda v: (v**2).sum())(x)
    return (
        torch.func.grad(lambda v: v.sin().sum())(x),
        gradient,
        value,
        torch.func.jacrev(torch.sin)(x),
        torch.func.vmap(torch.func.grad(lambda v: (v**3).sum()))(x.expand(2, 4)),
    )


@programs
def _functional_calls(device: str) -> Any:
    network = _network(device)
    values = {name: value.detach() for name, value in network.named_parameters()}
    x, classes = _batch(device)

    def loss(given: Any, row: Any, name: Any) -> Any:
        return functional.cross_entropy(torch.func.functional_call(network, given, row[None]), name[None])

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(values, x, classes)
    return each, torch.func.functional_call(network, values, x)


@programs
def _second_derivatives(device: str) -> Any:
    """Torch scripts its rules for forward mode when they are first used, and says that scripting is deprecated."""
    x = torch.randn(3).to(device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.func.jacfwd(torch.sin)(x), torch.func.hessian(lambda v: (v**3).sum())(x)


@programs
def _forward_mode(device: str) -> Any:
    x, tangent = torch.randn(3).to(device), torch.ones(3).to(device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with torch.autograd.forward_ad.dual_level():
            primal, there = torch.autograd.forward_ad.unpack_dual(torch.autograd.forward_ad.make_dual(x, tangent).sin())
        return primal, there, torch.func.jvp(torch.sin, (x,), (tangent,))


# Compilers.


def _compile(function: Any) -> Any:
    """Torch's compiler scripts parts of itself when it is first used, and says that scripting is deprecated."""

    def call(*given: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return compiled(*given)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch._dynamo.reset()
        compiled = torch.compile(function, backend="eager")

    return call


def _scaled(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x * 2 + y).relu()


@programs.fails("torch.jit.trace checks what it traced in a way that dispatch modes do not stand")
def _traced(device: str) -> Any:
    x = torch.randn(3).to(device)
    with pytest.warns(DeprecationWarning, match="deprecated"):
        traced = torch.jit.trace(_scaled, (x, x))
    return traced(x, x + 1), traced(x, x)


@programs
def _scripted(device: str) -> Any:
    x = torch.randn(3).to(device)
    with pytest.warns(DeprecationWarning, match="deprecated"):
        scripted = torch.jit.script(_scaled)
    return scripted(x, x + 1)


@programs
def _compiled(device: str) -> Any:
    x = torch.randn(3).to(device)
    compiled = _compile(_scaled)
    return compiled(x, x + 1), compiled(x, x)


@programs
def _compiled_with_factories(device: str) -> Any:
    def function(x: Any) -> Any:
        return x + torch.ones(3, device=x.device), torch.arange(3, device=device), x.cpu().to(device)

    return _compile(function)(torch.randn(3).to(device))


@programs
def _compiled_models_train(device: str) -> Any:
    network = _network(device)
    compiled = _compile(network)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    for _ in range(2):
        x, classes = _batch(device)
        optimizer.zero_grad()
        functional.cross_entropy(compiled(x), classes).backward()
        optimizer.step()
    return [*network.parameters()]


@programs
def _operators_of_ones_own(device: str) -> Any:
    @torch.library.custom_op("weft_tests::twice", mutates_args=())
    def twice(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    @torch.library.custom_op("weft_tests::add_one", mutates_args={"x"})
    def add_one(x: torch.Tensor) -> None:
        x.add_(1)

    x = torch.randn(3).to(device, copy=True)
    add_one(x)
    return twice(x), x


class _Labelled(torch.Tensor):
    """A kind of tensor of a program's own."""


@programs
def _subclasses(device: str) -> Any:
    x = torch.randn(3).to(device).as_subclass(_Labelled)
    return x + 1, (x * x).sum(), x.as_subclass(torch.Tensor)

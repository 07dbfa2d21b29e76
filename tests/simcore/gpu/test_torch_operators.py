"""Operators, layers and losses: on a virtual device they compute what they compute on the CPU, and stay where they are."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is in the test extra for Python 3.11 only")

import torch

from .torch_kit import Host, Program, Programs, agree, cases

functional = torch.nn.functional
programs = Programs()


@pytest.mark.parametrize("program", programs.parameters)
def test_a_program_computes_the_same_on_a_virtual_device(program: Program) -> None:
    agree(program)


OF_A_MATRIX: dict[str, Any] = {
    # Elements.
    "arithmetic": lambda x: (
        x + 1,
        1 + x,
        x - x,
        x * 2,
        2 / (x + 9),
        x // 2,
        x % 3,
        -x,
        x**2,
        2**x,
        abs(x),
        divmod(7, 2),
    ),
    "comparison": lambda x: (x > 0, x >= x, x == 0, x != x, x.eq(1), x.isclose(x), torch.maximum(x, -x)),
    "logic": lambda x: ((x > 0) & (x < 1), (x > 0) | (x < 1), ~(x > 0), (x > 0) ^ (x < 1)),
    "bits": lambda x: (x.int() & 3, x.int() | 1, x.int() << 2, x.int() >> 1, ~x.int()),
    "functions": lambda x: (
        x.sin(),
        x.exp(),
        x.abs().sqrt(),
        x.sigmoid(),
        x.tanh(),
        x.clamp(-1, 1),
        x.round(),
        x.erf(),
    ),
    "activations": lambda x: (functional.gelu(x), functional.silu(x), functional.leaky_relu(x), functional.softplus(x)),
    "where": lambda x: (torch.where(x > 0, x, 0.0), torch.where(x > 0, x, -x), torch.where(x > 0)),
    "with_scalar_tensor": lambda x: (x + torch.tensor(2.0), torch.tensor(2.0) * x, x.add(torch.tensor(1), alpha=3)),
    "lerp": lambda x: (torch.lerp(x, -x, 0.3), torch.addcmul(x, x, x, value=0.5), torch.addcdiv(x, x, x + 9)),
    "type_promotion": lambda x: (x.int() + 1.5, x.half() + x, x.int() / 2, x > 0.5, (x > 0).sum()),
    "complex": lambda x: (
        x + 1j,
        (x + 1j).abs(),
        torch.fft.fft(x),
        torch.fft.ifft(torch.fft.fft(x)),
        torch.fft.rfft2(x),
    ),
    # In place and out=.
    "in_place": lambda x: (x.add_(1), x.mul_(2), x.sub_(x), x.clamp_(0, 1), x.zero_(), x.fill_(3)),
    "augmented": lambda x: _augmented(x),
    "in_place_on_a_view": lambda x: (x[0].add_(5), x),
    "in_place_on_a_diagonal": lambda x: (x.fill_diagonal_(7), x.diagonal().zero_(), x),
    "masked_fill": lambda x: (x.masked_fill(x > 0, -1), x.masked_fill_(x > 0, 9), x),
    "out": lambda x: (torch.add(x, 1, out=torch.empty_like(x)), torch.matmul(x, x.T, out=x.new_empty(4, 4))),
    "out_of_maximum": lambda x: torch.max(
        x, 1, out=(x.new_empty(4), torch.empty(4, dtype=torch.long, device=x.device))
    ),
    "out_resized": lambda x: torch.add(x, 1, out=x.new_empty(0)),
    "copy_in_place": lambda x: (x.copy_(x.flip(0)), x.T.copy_(x.T.clone())),
    "swap": lambda x: (x.index_copy_(0, torch.tensor([1, 0], device=x.device), x[:2].clone()), x),
    # Views.
    "views": lambda x: (x.view(2, 10), x.reshape(-1), x.T, x.unsqueeze(0), x[None, :, 1], x.flatten(), x.view(-1)[3:]),
    "more_views": lambda x: (x.permute(1, 0), x.narrow(1, 1, 2), x.select(0, 1), x.expand(2, 4, 5), x.unfold(1, 2, 1)),
    "as_strided": lambda x: (
        x.as_strided((2, 2), (3, 1), 1),
        x.diagonal(),
        x.movedim(0, 1),
        x.swapaxes(0, 1),
        x.squeeze(),
    ),
    "reshape_that_copies": lambda x: (
        x.T.reshape(-1),
        x.T.contiguous(),
        x.flip(1),
        x.roll(1, 0),
        x.rot90(),
        x.tile(2, 1),
    ),
    "view_of_another_type": lambda x: (x.view(torch.int32), x.double().view(torch.int32)),
    "split": lambda x: (x.split(2), x.chunk(3, 1), x.unbind(0), x.tensor_split(3), x.split([1, 3]), torch.hsplit(x, 5)),
    "joined": lambda x: (
        torch.cat([x, x], 1),
        torch.stack([x, x]),
        torch.vstack([x, x]),
        torch.hstack((x, x)),
        torch.dstack([x]),
    ),
    "repeated": lambda x: (
        x.repeat(2, 1),
        x.repeat_interleave(2),
        x.repeat_interleave(torch.tensor([1, 2, 0, 1], device=x.device), 0),
    ),
    "padded": lambda x: (functional.pad(x, (1, 1)), functional.pad(x[None], (1, 1), mode="reflect")),
    "named": lambda x: (x.T, x.mT, x.H, x.adjoint()),
    # Indices.
    "indexed": lambda x: (x[0], x[1:3], x[:, 1], x[..., ::2], x[-1, -1], x[[0, 2]], x[:, [1, 1]], x[None]),
    "indexed_by_tensors": lambda x: (x[torch.tensor([0, 2], device=x.device)], x[torch.tensor([0, 2])], x[x[:, 0] > 0]),
    "masks": lambda x: (
        x[x > 0],
        x.masked_select(x > 0),
        (x > 0).nonzero(),
        torch.argwhere(x > 0),
        (x > 0).count_nonzero(),
    ),
    "nonzero_as_tuple": lambda x: (x > 0).nonzero(as_tuple=True),
    "set_items": lambda x: _set_items(x),
    "put_by_index": lambda x: _put(x),
    "gather": lambda x: (
        x.gather(1, _indices(x)),
        torch.take_along_dim(x, _indices(x), 1),
        x.take(_indices(x)),
        x.index_select(0, _indices(x)[0] % 4),
    ),
    "scatter": lambda x: (
        x.scatter(1, _indices(x), 1.0),
        x.scatter_add(1, _indices(x), x),
        x.scatter_reduce(1, _indices(x), x, "amax"),
        x.index_add(0, _indices(x)[0][:2] % 4, x[:2]),
    ),
    "one_hot": lambda x: (functional.one_hot(_indices(x), 5), functional.one_hot(_indices(x))),
    "grids": lambda x: (x.triu(), x.tril(-1), x.diag(), torch.diag_embed(x), torch.combinations(x[0])),
    # Reductions.
    "sums": lambda x: (
        x.sum(),
        x.sum(0),
        x.mean(1, keepdim=True),
        x.prod(1),
        x.std(),
        x.var(0),
        x.norm(),
        x.norm(dim=1),
    ),
    "extremes": lambda x: (x.max(), x.min(1), x.argmax(), x.argmin(1), x.amax(0), x.aminmax(), x.median(), x.mode(1)),
    "truth": lambda x: ((x > 0).any(), (x > 0).all(1), x.equal(x), torch.allclose(x, x), bool((x == x).all())),
    "cumulated": lambda x: (x.cumsum(0), x.cumprod(1), x.cummax(1), x.logcumsumexp(0), x.diff(), x.logsumexp(1)),
    "softmax": lambda x: (
        x.softmax(1),
        x.log_softmax(0),
        functional.normalize(x),
        functional.gumbel_softmax(x, hard=True),
    ),
    "histograms": lambda x: (x.histc(4), torch.bincount(_indices(x).flatten()), x.quantile(0.3), x.kthvalue(2)),
    "unique": lambda x: (
        _indices(x).unique(),
        _indices(x).unique(return_counts=True),
        _indices(x).unique(dim=0),
        torch.unique_consecutive(_indices(x)),
    ),
    "sorted": lambda x: (
        x.sort(),
        x.sort(0, descending=True),
        x.argsort(),
        x.topk(2),
        x.msort(),
        torch.searchsorted(x.sort().values, x),
    ),
    "bucketize": lambda x: torch.bucketize(x, torch.tensor([-1.0, 0.0, 1.0], device=x.device)),
    "numbers_on_the_host": lambda x: (
        x.sum().item(),
        x.tolist(),
        float(x[0, 0]),
        int(x[0, 0] * 3),
        x.numel(),
        x.shape,
        x.dim(),
    ),
    # Linear algebra.
    "products": lambda x: (x @ x.T, x.mm(x.T), x.mv(x[0]), x[0].dot(x[1]), torch.outer(x[0], x[1]), torch.kron(x, x)),
    "batched": lambda x: (
        torch.bmm(x[None], x.T[None]),
        torch.baddbmm(x.new_zeros(1, 4, 4), x[None], x.T[None]),
        torch.addmm(x.new_zeros(4), x, x.T),
    ),
    "einsum": lambda x: (torch.einsum("ij,kj->ik", x, x), torch.einsum("ij->j", x), torch.tensordot(x, x, ([1], [1]))),
    "decompositions": lambda x: (
        torch.linalg.svdvals(x),
        torch.linalg.qr(x)[1].abs(),
        torch.linalg.eigvalsh(x @ x.T),
        torch.linalg.matrix_norm(x),
    ),
    "solutions": lambda x: _solutions(x @ x.T + 4 * torch.eye(4, device=x.device)),
    "distances": lambda x: (
        torch.cdist(x, x),
        functional.cosine_similarity(x, x + 1),
        functional.pairwise_distance(x, x + 1),
    ),
    "foreach": lambda x: (torch._foreach_add([x, x], 1.0), torch._foreach_norm([x, x]), torch._foreach_mul([x], [x])),
    "clip": lambda x: (x.clip(0), torch.clamp_min(x, 0.5), functional.hardtanh(x), functional.threshold(x, 0, 1)),
    "cast_of_results": lambda x: (
        x.sum(dtype=torch.float64),
        x.softmax(1, dtype=torch.float64),
        x.mean(dtype=torch.float64),
    ),
    "moves_in_between": lambda x: (
        x.cpu().to(x.device),
        Host(x.cpu()),
        Host(x.cpu() + 1),
        Host(torch.ones(4, 5) * x.cpu()),
    ),
    "shapes_of_halves": lambda x: (x.half() @ x.half().T, x.bfloat16().sum(), x.half().softmax(1)),
    "special": lambda x: (torch.special.expit(x), torch.special.logit(x.sigmoid()), torch.special.bessel_j0(x)),
    "trapezoid": lambda x: (torch.trapezoid(x), torch.gradient(x)[0], torch.cov(x), torch.corrcoef(x)),
    "dropout": lambda x: (
        functional.dropout(x, 0.5),
        functional.dropout(x, 0.5, training=False),
        functional.alpha_dropout(x, 0.1, training=True),
    ),
}


def _augmented(x: Any) -> Any:
    x += 1
    x *= 2
    x -= x.mean()
    x /= 3
    x[0] += 10
    x[:, 1] *= 2
    x[x > 5] -= 1
    return x


def _set_items(x: Any) -> Any:
    x[0, 0] = 9
    x[1] = torch.arange(5.0)
    x[2, 1:3] = torch.ones(2, device=x.device)
    x[x < 0] = 0
    x[torch.tensor([3], device=x.device)] = 2.5
    x[[0, 1], [1, 2]] = torch.tensor([7.0, 8.0], device=x.device)
    x[..., -1] = x[..., 0]
    return x


def _put(x: Any) -> Any:
    rows = torch.tensor([0, 1], device=x.device)
    return (
        x.index_put((rows, rows), torch.tensor(1.0, device=x.device)),
        x.index_put_((rows,), x[rows] * 2, accumulate=True),
        x.index_fill(0, rows, 3.0),
        x.put_(rows, torch.ones(2, device=x.device)),
        x.clone().masked_scatter_(x > 0, torch.ones(20, device=x.device)),
    )


def _indices(x: Any) -> Any:
    return (torch.arange(20, device=x.device) % 5).reshape(4, 5)


def _solutions(a: Any) -> Any:
    b = torch.ones(4, 2, device=a.device)
    return (
        torch.linalg.solve(a, b),
        torch.linalg.inv(a),
        torch.linalg.det(a),
        torch.linalg.cholesky(a),
        torch.cholesky_solve(b, torch.linalg.cholesky(a)),
        torch.linalg.lstsq(a, b).solution,
        torch.linalg.slogdet(a),
        torch.linalg.matrix_rank(a),
        torch.linalg.matrix_power(a, 2),
        torch.trace(a),
        torch.linalg.solve_triangular(a.triu(), b, upper=True),
    )


@pytest.mark.parametrize("operation", OF_A_MATRIX.values(), ids=OF_A_MATRIX)
def test_an_operation_gives_what_it_gives_on_the_cpu(operation: Any) -> None:
    agree(lambda device: operation(torch.randn(4, 5).to(device, copy=True)))


OF_IMAGES: dict[str, Any] = {
    "conv2d": lambda x: functional.conv2d(
        x, torch.ones(4, 3, 3, 3, device=x.device), torch.ones(4, device=x.device), padding=1
    ),
    "conv_transpose2d": lambda x: functional.conv_transpose2d(x, torch.ones(3, 2, 2, 2, device=x.device), stride=2),
    "conv1d": lambda x: functional.conv1d(x[:, :, 0], torch.ones(2, 3, 3, device=x.device)),
    "max_pool": lambda x: functional.max_pool2d(x, 2),
    "max_pool_with_indices": lambda x: functional.max_pool2d(x, 2, return_indices=True),
    "mean_pool": lambda x: (functional.avg_pool2d(x, 2), functional.adaptive_avg_pool2d(x, 1)),
    "interpolated": lambda x: (
        functional.interpolate(x, scale_factor=2),
        functional.interpolate(x, (3, 3), mode="bilinear"),
    ),
    "channels_last": lambda x: x.to(memory_format=torch.channels_last),
    "contiguous_channels_last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "layer_norm": lambda x: functional.layer_norm(x, (8, 8)),
    "group_norm": lambda x: functional.group_norm(x, 3),
    "instance_norm": lambda x: functional.instance_norm(x),
    "pixel_shuffle": lambda x: functional.pixel_shuffle(x.repeat(1, 4, 1, 1), 2),
    "unfolded": lambda x: functional.unfold(x, 2),
    "grid_sample": lambda x: functional.grid_sample(x, torch.zeros(2, 4, 4, 2, device=x.device), align_corners=False),
}


@pytest.mark.parametrize("operation", OF_IMAGES.values(), ids=OF_IMAGES)
def test_an_operation_on_images_gives_what_it_gives_on_the_cpu(operation: Any) -> None:
    agree(lambda device: operation(torch.randn(2, 3, 8, 8).to(device, copy=True)))


LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "linear": (lambda d: torch.nn.Linear(6, 3, device=d), (4, 6)),
    "linear_moved": (lambda d: torch.nn.Linear(6, 3).to(d), (4, 6)),
    "sequential": (
        lambda d: torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).to(d),
        (4, 6),
    ),
    "convolution": (lambda d: torch.nn.Conv2d(3, 4, 3, device=d), (2, 3, 8, 8)),
    "batch_norm": (lambda d: torch.nn.BatchNorm2d(3).to(d), (2, 3, 4, 4)),
    "batch_norm_evaluated": (lambda d: torch.nn.BatchNorm1d(6, device=d).eval(), (4, 6)),
    "layer_norm": (lambda d: torch.nn.LayerNorm(6, device=d), (4, 6)),
    "dropout": (lambda d: torch.nn.Dropout(0.5).to(d), (4, 6)),
    "lstm": (lambda d: torch.nn.LSTM(6, 5, 2, batch_first=True, device=d), (2, 3, 6)),
    "lstm_moved": (lambda d: torch.nn.LSTM(6, 5, bidirectional=True).to(d), (2, 3, 6)),
    "gru": (lambda d: torch.nn.GRU(6, 5, batch_first=True).to(d), (2, 3, 6)),
    "lstm_cell": (lambda d: torch.nn.LSTMCell(6, 5, device=d), (2, 6)),
    "transformer_layer": (
        lambda d: torch.nn.TransformerEncoderLayer(6, 2, 8, batch_first=True, dropout=0.0).to(d),
        (2, 3, 6),
    ),
    "transformer_layer_evaluated": (
        lambda d: torch.nn.TransformerEncoderLayer(6, 2, 8, batch_first=True).to(d).eval(),
        (2, 3, 6),
    ),
    "prelu": (lambda d: torch.nn.PReLU(device=d), (4, 6)),
    "weight_norm": (lambda d: torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(6, 2)).to(d), (4, 6)),
    "spectral_norm": (lambda d: torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(6, 2)).to(d), (4, 6)),
}


RECURRENT = "torch.backends.cudnn.is_acceptable warns of a CPU build when a recurrent layer is made or moved"


@pytest.mark.parametrize(("make", "shape"), cases(LAYERS))
def test_a_layer_and_its_gradients_are_what_they_are_on_the_cpu(make: Any, shape: tuple[int, ...]) -> None:
    def program(device: str) -> Any:
        layer = make(device)
        x = torch.randn(shape).to(device, copy=True).requires_grad_()
        result = layer(x)
        first = result[0] if isinstance(result, tuple) else result
        first.square().mean().backward()
        return result, x, [*layer.parameters()], [*layer.buffers()]

    agree(program)


@programs
def _attention(device: str) -> Any:
    query, key, value = (torch.randn(2, 2, 5, 8).to(device).requires_grad_() for _ in range(3))
    result = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    mask = torch.ones(5, 5, dtype=torch.bool, device=device).tril()
    masked = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    (result.sum() + masked.sum()).backward()
    return result, masked, query, key, value


@programs
def _several_heads(device: str) -> Any:
    layer = torch.nn.MultiheadAttention(8, 2, batch_first=True).to(device)
    x = torch.randn(2, 5, 8).to(device)
    result, weights = layer(x, x, x)
    plain, none = layer(x, x, x, need_weights=False)
    result.sum().backward()
    return result, weights, plain, none is None, [*layer.parameters()]


@programs
def _embeddings(device: str) -> Any:
    layer = torch.nn.Embedding(10, 4, padding_idx=0).to(device)
    bag = torch.nn.EmbeddingBag(10, 4, mode="mean", device=device)
    rows = torch.tensor([[1, 2, 0], [3, 9, 2]], device=device)
    result = layer(rows)
    summed = bag(rows)
    (result.sum() + summed.sum()).backward()
    return result, summed, layer.weight, bag.weight


@programs.fails(RECURRENT)
def _packed_sequences(device: str) -> Any:
    layer = torch.nn.GRU(4, 3, batch_first=True).to(device)
    x = torch.randn(2, 5, 4).to(device)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor([5, 3]), batch_first=True)
    result, last = layer(packed)
    padded, lengths = torch.nn.utils.rnn.pad_packed_sequence(result, batch_first=True)
    return padded, Host(lengths), last, torch.nn.utils.rnn.pad_sequence([x[0], x[1, :2]], batch_first=True)


@programs
def _losses(device: str) -> Any:
    x = torch.randn(4, 5).to(device).requires_grad_()
    classes = torch.tensor([0, 2, 4, -100], device=device)
    targets = torch.rand(4, 5).to(device)
    losses = [
        functional.cross_entropy(x, classes),
        functional.cross_entropy(x, classes, label_smoothing=0.1, weight=torch.ones(5, device=device)),
        functional.nll_loss(x.log_softmax(1), classes),
        functional.mse_loss(x, targets),
        functional.l1_loss(x, targets),
        functional.smooth_l1_loss(x, targets),
        functional.huber_loss(x, targets),
        functional.binary_cross_entropy(x.sigmoid(), targets),
        functional.binary_cross_entropy_with_logits(x, targets),
        functional.kl_div(x.log_softmax(1), targets.softmax(1), reduction="batchmean"),
        functional.cosine_embedding_loss(x, targets, torch.ones(4, device=device)),
        functional.triplet_margin_loss(x, targets, -targets),
        functional.poisson_nll_loss(x, targets),
    ]
    torch.stack(losses).sum().backward()
    return losses, x


@programs.fails("_ctc_loss takes its lengths from the host, but is not among the operators that mix devices")
def _ctc_loss(device: str) -> Any:
    x = torch.randn(6, 2, 5).to(device).log_softmax(2).detach().requires_grad_()
    targets = torch.tensor([[1, 2], [3, 3]], device=device)
    loss = functional.ctc_loss(x, targets, torch.tensor([6, 6]), torch.tensor([2, 2]))
    loss.backward()
    return loss, x


@programs
def _a_whole_transformer(device: str) -> Any:
    encoder = torch.nn.TransformerEncoder(
        torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0), 2, enable_nested_tensor=False
    ).to(device)
    x = torch.randn(2, 4, 8).to(device)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(4, device=device)
    trained = encoder(x, mask=mask, is_causal=True)
    trained.sum().backward()
    with torch.no_grad():
        evaluated = encoder.eval()(x)
    return trained, evaluated, [*encoder.parameters()]


@programs
def _batch_norm_learns_and_is_evaluated(device: str) -> Any:
    layer = torch.nn.BatchNorm1d(3).to(device)
    x = torch.randn(8, 3).to(device)
    one = layer(x)
    two = layer(x * 2)
    layer.eval()
    return one, two, layer(x), dict(layer.state_dict())


@programs
def _nothing_where_nothing_is_selected(device: str) -> Any:
    x = torch.randn(3).to(device)
    return x[x > 100], x[:0].sum(), torch.cat([x[:0], x]), (x > 100).nonzero()


@programs
def _host_numbers_and_device_tensors_mix(device: str) -> Any:
    """CUDA takes tensors without dimensions from the host, and indices too."""
    x = torch.arange(6.0).to(device)
    number = torch.tensor(3.0)
    x[torch.tensor(1)] = 5
    return (
        x * number,
        x + torch.tensor(1),
        x[torch.tensor([0, 1])],
        x[: int(number)],
        torch.where(x > number, x, number),
    )


@programs
def _warnings_of_torch_come_as_they_are(device: str) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        functional.mse_loss(torch.ones(3, device=device), torch.ones(3, 1, device=device))
    return [str(warning.message) for warning in caught]


@programs
def _errors_of_torch_come_as_they_are(device: str) -> Any:
    found: list[str] = []
    x = torch.ones(2, 3, device=device)
    for wrong in (
        lambda: x @ x,
        lambda: x + torch.ones(4, device=device),
        lambda: x.view(7),
        lambda: x[5],
        lambda: x.reshape(4),
    ):
        with pytest.raises((RuntimeError, IndexError)) as error:
            wrong()
        found.append(str(error.value))
    return found

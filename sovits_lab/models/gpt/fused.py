"""One token of one row through all layers in one compiled call: nothing but reading weights is left to wait for.

A step of the released decoder is 96 matrix-vector products and a few hundred small operations. Called one by one from
Python the small ones cost as much as reading 8-bit weights, and the libraries' products reach half to two thirds of
the memory's bandwidth for one row. These loops are vectorised by numba and run on the calling thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from sovits_lab.models.gpt.cache import StaticCache

SETTINGS: dict[str, Any] = {"fastmath": True, "error_model": "numpy", "nogil": True}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function, and keep what comes of it between runs where a folder for that can be written."""
    try:
        return numba.njit(cache=True, **SETTINGS)(function)
    except RuntimeError:  # a read-only container, or a service without a home: compiled at each start
        return numba.njit(**SETTINGS)(function)


class Product(NamedTuple):
    """y = scale * (weight @ x) + bias; weights are float32 or 8-bit, `L N D` or, of one layer, `N D`."""

    weight: np.ndarray
    scale: np.ndarray
    bias: np.ndarray


class Layers(NamedTuple):
    """Everything of the layers, stacked, and the projection to logits."""

    qkv: Product
    out: Product
    expand: Product
    contract: Product
    attention_norm: tuple[np.ndarray, np.ndarray]
    feedforward_norm: tuple[np.ndarray, np.ndarray]
    epsilon: np.float32
    logits: Product


@compiled
@no_type_check
def multiply(weight, scale, bias, x, y):
    for i in range(len(y)):
        total = np.float32(0)
        for j in range(len(x)):
            total += np.float32(weight[i, j]) * x[j]
        y[i] = total * scale[i] + bias[i]


@compiled
@no_type_check
def add_and_normalise(x, branch, gain, shift, epsilon):
    size = np.float32(len(x))
    mean, variance = np.float32(0), np.float32(0)
    for i in range(len(x)):
        x[i] += branch[i]
        mean += x[i]
    mean /= size
    for i in range(len(x)):
        variance += (x[i] - mean) * (x[i] - mean)
    rate = np.float32(1) / np.sqrt(variance / size + epsilon)
    for i in range(len(x)):
        x[i] = (x[i] - mean) * rate * gain[i] + shift[i]


@compiled
@no_type_check
def attend(q, keys, values, size, weights, y):
    heads, _, width = keys.shape
    scale = np.float32(1 / math.sqrt(width))
    for head in range(heads):
        query, out = q[head * width : (head + 1) * width], y[head * width : (head + 1) * width]
        largest, total = np.float32(-3e38), np.float32(0)
        for t in range(size):
            score = np.float32(0)
            for j in range(width):
                score += query[j] * keys[head, t, j]
            weights[t] = score * scale
            largest = max(largest, weights[t])
        for t in range(size):
            weights[t] = np.exp(weights[t] - largest)
            total += weights[t]
        out[:] = 0
        for t in range(size):
            for j in range(width):
                out[j] += weights[t] * values[head, t, j]
        for j in range(width):
            out[j] /= total


@compiled
@no_type_check
def run_layers(layers, cache, position, x, logits):
    """Run all layers: `cache` is `L 2 H N d`; `x` and the cache's column `position` are written to."""
    count, _, heads, _, width = cache.shape
    size = len(x)
    qkv, branch = np.empty(3 * size, np.float32), np.empty(size, np.float32)
    attended, wide = np.empty(size, np.float32), np.empty(layers.expand.weight.shape[1], np.float32)
    weights = np.empty(position + 1, np.float32)
    for i in range(count):
        multiply(layers.qkv.weight[i], layers.qkv.scale[i], layers.qkv.bias[i], x, qkv)
        for j in range(2):
            for head in range(heads):
                first = (j + 1) * size + head * width
                cache[i, j, head, position] = qkv[first : first + width]
        attend(qkv, cache[i, 0], cache[i, 1], position + 1, weights, attended)
        multiply(layers.out.weight[i], layers.out.scale[i], layers.out.bias[i], attended, branch)
        gain, shift = layers.attention_norm
        add_and_normalise(x, branch, gain[i], shift[i], layers.epsilon)
        multiply(layers.expand.weight[i], layers.expand.scale[i], layers.expand.bias[i], x, wide)
        for j in range(len(wide)):
            wide[j] = max(wide[j], np.float32(0))
        multiply(layers.contract.weight[i], layers.contract.scale[i], layers.contract.bias[i], wide, branch)
        gain, shift = layers.feedforward_norm
        add_and_normalise(x, branch, gain[i], shift[i], layers.epsilon)
    multiply(layers.logits.weight, layers.logits.scale, layers.logits.bias, x, logits)


def _stacked(tensors: list[Tensor]) -> np.ndarray:
    """One array of all; the tensors become views of it, so that nothing is held twice."""
    whole = torch.stack([t.detach() for t in tensors])
    for tensor, part in zip(tensors, whole, strict=True):
        tensor.data = part
    return whole.numpy()


def _product(linears: list[nn.Module]) -> Product:
    """Make the product with stacked layers: plain ones, or 8-bit ones with a `scale` for each output."""
    weight, bias = (_stacked([getattr(linear, name) for linear in linears]) for name in ("weight", "bias"))
    if hasattr(linears[0], "scale"):
        return Product(weight, _stacked([linear.scale for linear in linears]), bias)  # type: ignore[misc]
    return Product(weight, np.ones(weight.shape[:2], np.float32), bias)


class FusedStep:
    """A decoder's layers and projection for one row.

    Args:
        layers: of the decoder, float32 on a CPU; their parameters become views of what is kept here.
        out: the projection to logits, without bias.
    """

    def __init__(self, layers: nn.ModuleList, out: nn.Linear) -> None:
        parts = {name: _product([getattr(x, name) for x in layers]) for name in ("qkv", "out", "expand", "contract")}
        norms = {}
        for name in ("attention_norm", "feedforward_norm"):
            norms[name] = tuple(_stacked([getattr(getattr(x, name), p) for x in layers]) for p in ("weight", "bias"))
        codes = np.ones(out.out_features, np.float32)
        project = Product(out.weight.detach().numpy(), codes, 0 * codes)
        epsilon = np.float32(layers[0].attention_norm.eps)  # type: ignore[union-attr,arg-type]
        self.layers = Layers(**parts, **norms, epsilon=epsilon, logits=project)  # type: ignore[arg-type]

    def __call__(self, x: Float[Tensor, "1 D"], cache: StaticCache) -> Float[Tensor, "1 K"]:
        """Logits after the new position; its keys and values go into the cache, whose length is left alone."""
        logits = np.empty((1, len(self.layers.logits.scale)), np.float32)
        storage = cache.storage.detach().numpy()[:, :, 0]
        run_layers(self.layers, storage, cache.length, x[0].detach().numpy().copy(), logits[0])
        return torch.from_numpy(logits)

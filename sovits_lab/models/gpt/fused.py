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

LARGEST = 127  # whole number of 8 bits
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


class Positions(NamedTuple):
    """Keys and values of all positions, `L H d N`, with a scale for each column, `L H N`.

    Attributes:
        largest: of the whole numbers that columns are kept in; 0 where they are kept as they are.
    """

    keys: np.ndarray
    key_scales: np.ndarray
    values: np.ndarray
    value_scales: np.ndarray
    largest: np.float32


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
def add_scores(query, keys, size, scale, scores):
    """Add `scale query keys` for each of the first positions; four components in one pass over the scores."""
    fours = len(query) // 4 * 4
    for j in range(0, fours, 4):
        a, b, c, d = scale * query[j], scale * query[j + 1], scale * query[j + 2], scale * query[j + 3]
        first, second, third, fourth = keys[j], keys[j + 1], keys[j + 2], keys[j + 3]
        for t in range(size):
            pairs = a * np.float32(first[t]) + b * np.float32(second[t])
            scores[t] += pairs + c * np.float32(third[t]) + d * np.float32(fourth[t])
    for j in range(fours, len(query)):
        a, first = scale * query[j], keys[j]
        for t in range(size):
            scores[t] += a * np.float32(first[t])


@compiled
@no_type_check
def attend(q, positions, layer, size, weights, y):
    heads, width = positions.keys.shape[1:3]
    scale = np.float32(1 / math.sqrt(width))
    for head in range(heads):
        key_scales, value_scales = positions.key_scales[layer, head], positions.value_scales[layer, head]
        weights[:size] = 0
        add_scores(q[head * width : (head + 1) * width], positions.keys[layer, head], size, scale, weights)
        largest, total = np.float32(-3e38), np.float32(0)
        for t in range(size):
            weights[t] *= key_scales[t]
            largest = max(largest, weights[t])
        for t in range(size):
            weights[t] = np.exp(weights[t] - largest)
        for t in range(size):
            total += weights[t]
            weights[t] *= value_scales[t]
        for j in range(width):
            mean, row = np.float32(0), positions.values[layer, head, j]
            for t in range(size):
                mean += weights[t] * np.float32(row[t])
            y[head * width + j] = mean / total


@compiled
@no_type_check
def keep_column(x, largest, column, scales, position):
    """Write a vector into a column: as it is where `largest` is 0, else in whole numbers up to that."""
    scale = np.float32(1)
    if largest > 0:
        most = np.float32(0)
        for j in range(len(x)):
            most = max(most, abs(x[j]))
        scale = max(most / largest, np.float32(1e-12))
        for j in range(len(x)):
            column[j, position] = np.rint(x[j] / scale)
    else:
        for j in range(len(x)):
            column[j, position] = x[j]
    scales[position] = scale


@compiled
@no_type_check
def run_layers(layers, positions, position, x, logits):
    """Run all layers; `x` and the column `position` of keys and values are written to."""
    count, heads, width, _ = positions.keys.shape
    size = len(x)
    qkv, branch = np.empty(3 * size, np.float32), np.empty(size, np.float32)
    attended, wide = np.empty(size, np.float32), np.empty(layers.expand.weight.shape[1], np.float32)
    weights = np.empty(position + 1, np.float32)
    for i in range(count):
        multiply(layers.qkv.weight[i], layers.qkv.scale[i], layers.qkv.bias[i], x, qkv)
        for head in range(heads):
            key = qkv[size + head * width : size + (head + 1) * width]
            value = qkv[2 * size + head * width : 2 * size + (head + 1) * width]
            keep_column(key, positions.largest, positions.keys[i, head], positions.key_scales[i, head], position)
            keep_column(value, positions.largest, positions.values[i, head], positions.value_scales[i, head], position)
        attend(qkv, positions, i, position + 1, weights, attended)
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

    With 8-bit weights keys and values are kept in 8 bits, too: after a few seconds of speech a step would else read
    half as many bytes of them as of weights.

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
        self.eight_bits = parts["qkv"].weight.dtype == np.int8

    def __call__(self, x: Float[Tensor, "1 D"], cache: StaticCache) -> Float[Tensor, "1 K"]:
        """Logits after the new position; its keys and values are kept with `cache`, whose length is left alone."""
        if cache.one_row is None:
            cache.one_row = _positions(cache, self.eight_bits)
        logits = np.empty((1, len(self.layers.logits.scale)), np.float32)
        run_layers(self.layers, cache.one_row, cache.length, x[0].detach().numpy().copy(), logits[0])
        return torch.from_numpy(logits)


def _positions(cache: StaticCache, eight_bits: bool) -> Positions:
    """Return what a cache of one row holds so far, in the cache's own memory or in 8 bits beside it."""
    keys, values = cache.storage.detach().numpy()[:, :, 0]
    scales = np.ones((2, *keys.shape[:2], keys.shape[3]), np.float32)
    if not eight_bits:
        return Positions(keys, scales[0], values, scales[1], np.float32(0))
    kept = np.full((2, *keys.shape), 0, np.int8)  # touched now: memory stays flat later
    for whole, few, scale in zip((keys, values), kept, scales, strict=True):
        known = whole[..., : cache.length]
        scale[..., : cache.length] = np.maximum(np.abs(known).max(2) / LARGEST, 1e-12)
        few[..., : cache.length] = np.rint(known / scale[:, :, None, : cache.length])
    return Positions(kept[0], scales[0], kept[1], scales[1], np.float32(LARGEST))

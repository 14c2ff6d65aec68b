"""Finite scalar quantization: a grid, a bijection with tokens, a gradient as if nothing were rounded."""

from __future__ import annotations

import math

import pytest
import torch

from sovits_lab.quantization.finite_scalar import FiniteScalarQuantizer, IdentityQuantizer

LEVELS = [(5,), (4, 3), (8, 5, 5), (3, 4, 7)]


@pytest.mark.parametrize("levels", LEVELS)
def test_tokens_and_vectors_are_a_bijection(levels: tuple[int, ...]) -> None:
    quantizer = FiniteScalarQuantizer(levels)
    tokens = torch.arange(quantizer.codes)[None]
    vectors = quantizer.vectors(tokens)
    assert quantizer.codes == math.prod(levels)
    assert len(vectors[0].unique(dim=0)) == quantizer.codes
    assert torch.equal(quantizer.index(vectors * (quantizer.steps // 2)), tokens)


@pytest.mark.parametrize("levels", LEVELS)
def test_forward_lands_on_the_grid_point_of_its_token(levels: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    quantizer = FiniteScalarQuantizer(levels)
    out = quantizer(4 * torch.randn(3, 400, len(levels)))
    torch.testing.assert_close(out.vectors, quantizer.vectors(out.tokens))
    assert out.tokens.min() >= 0 and out.tokens.max() < quantizer.codes
    used = [out.vectors[..., i].unique() for i in range(len(levels))]
    assert [len(u) for u in used] == list(levels), "every level of every dimension is reached"


@pytest.mark.parametrize("levels", LEVELS)
def test_the_extremes_reach_the_outermost_points_and_zero_is_a_point(levels: tuple[int, ...]) -> None:
    quantizer = FiniteScalarQuantizer(levels)
    far = torch.full((1, 1, len(levels)), 50.0)
    assert quantizer(far).tokens.item() == quantizer.codes - 1
    assert quantizer(-far).tokens.item() == 0
    torch.testing.assert_close(quantizer(0 * far).vectors, 0 * far, atol=1e-6, rtol=0)


def test_the_nearest_grid_point_is_taken() -> None:
    quantizer = FiniteScalarQuantizer((8, 5))
    x = torch.randn(1, 200, 2)
    grid = quantizer.vectors(torch.arange(quantizer.codes)[None])[0]
    soft = quantizer.soft(x)[0]
    nearest = torch.cdist(soft * (quantizer.steps // 2), grid * (quantizer.steps // 2)).argmin(1)
    assert torch.equal(quantizer(x).tokens[0], nearest)


def test_the_gradient_is_that_of_the_unrounded_vectors() -> None:
    quantizer = FiniteScalarQuantizer((8, 5, 3))
    x = torch.randn(2, 7, 3, requires_grad=True)
    weight = torch.randn(2, 7, 3)
    (hard,) = torch.autograd.grad((quantizer(x).vectors * weight).sum(), x)
    (soft,) = torch.autograd.grad((quantizer.soft(x) * weight).sum(), x)
    torch.testing.assert_close(hard, soft)
    assert hard.abs().min() > 0


@pytest.mark.parametrize("levels", [(), (2,), (8, 1)])
def test_levels_that_make_no_grid_are_refused(levels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="levels: got"):
        FiniteScalarQuantizer(levels)


def test_identity_passes_everything() -> None:
    x = torch.randn(2, 3, 4)
    out = IdentityQuantizer(4)(x)
    assert torch.equal(out.vectors, x) and not out.tokens.any()
    with pytest.raises(NotImplementedError, match="IdentityQuantizer"):
        IdentityQuantizer(4).vectors(out.tokens)

"""Gradient reversal is the identity that pushes back."""

from __future__ import annotations

import torch

from sovits_lab.nn.gradient import reverse_gradient


def test_forward_is_the_identity_and_backward_the_opposite() -> None:
    x = torch.randn(3, 4, requires_grad=True)
    y = reverse_gradient(x, 0.7)
    assert torch.equal(y, x)
    weight = torch.randn(3, 4)
    (y * weight).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, -0.7 * weight)


def test_an_adversary_learns_while_its_input_unlearns() -> None:
    torch.manual_seed(0)
    x, target = torch.randn(16, 4, requires_grad=True), torch.randn(16)
    probe = torch.randn(4, requires_grad=True)
    loss = (reverse_gradient(x) @ probe - target).square().mean()
    loss.backward()
    assert x.grad is not None and probe.grad is not None

    def after(a: torch.Tensor, b: torch.Tensor) -> float:
        return float((a @ b - target).square().mean())

    with torch.no_grad():
        assert after(x, probe - 1e-2 * probe.grad) < loss
        assert after(x - 1e-2 * x.grad, probe) > loss

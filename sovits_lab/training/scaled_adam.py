"""ScaledAdam (Yao et al. 2023, "Zipformer", section 3.5): Adam whose steps scale with each tensor's own size.

Besides the usual direction it learns the log of every tensor's size from its history, every fourth step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class ScaledAdam(torch.optim.Optimizer):
    """The optimizer of stage 1.

    Args:
        params: tensors or groups.
        lr: relative step; a tensor moves by about lr times its root mean square.
        betas: decay of the momentum and of the squared gradients.
        clipping_scale: gradients beyond this multiple of their median norm are scaled down, `None` for never.
        clipping_update_period: over so many norms the median is taken; nothing is clipped before.
        clip_direction: scale the whole gradient. `False` is upstream's behaviour, where clipping only reaches the
            gradient of the size, so that the main step is never clipped.
        scalar_lr_scale, scalar_max: step factor and bound of tensors with one element.
        eps, min_rms, max_rms, size_update_period: as published.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        betas: tuple[float, float] = (0.9, 0.95),
        clipping_scale: float | None = 2.0,
        clipping_update_period: int = 1000,
        clip_direction: bool = True,
        scalar_lr_scale: float = 0.1,
        scalar_max: float = 10.0,
        eps: float = 1e-8,
        min_rms: float = 1e-5,
        max_rms: float = 3.0,
        size_update_period: int = 4,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "clipping_scale": clipping_scale,
                "clipping_update_period": clipping_update_period,
                "clip_direction": clip_direction,
                "scalar_lr_scale": scalar_lr_scale,
                "scalar_max": scalar_max,
                "eps": eps,
                "min_rms": min_rms,
                "max_rms": max_rms,
                "size_update_period": size_update_period,
            },
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every tensor that has a gradient once."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            for p in params:
                self._begin(p, group)
            factor = self._clip(group, params)
            for p in params:
                assert p.grad is not None
                clipped = p.grad if factor == 1 else p.grad * factor
                direction = clipped if group["clip_direction"] else p.grad
                if p.numel() == 1:
                    self._update_scalar(p, direction, group)
                else:
                    self._update_tensor(p, direction, clipped, group)
                self.state[p]["step"] += 1
        return loss

    def _begin(self, p: Tensor, group: dict[str, Any]) -> None:
        state = self.state[p]
        if state:
            return
        state["step"] = 0
        state["delta"] = torch.zeros_like(p)
        state["square"] = torch.zeros_like(p)
        if p.numel() > 1:
            state["rms"] = p.square().mean().sqrt()
            state["size_square"] = torch.zeros((), device=p.device)
            state["size_gradients"] = torch.zeros(group["size_update_period"], device=p.device)

    def _clip(self, group: dict[str, Any], params: list[Tensor]) -> float:
        """min(1, scale * median / norm), norm over all tensors of |g rms|; 1 until a period of norms has been seen."""
        if group["clipping_scale"] is None or not params:
            return 1.0
        state = self.state[params[0]]
        period, step = group["clipping_update_period"], state["step"]
        norms = [torch.linalg.vector_norm(p.grad) * self.state[p].get("rms", 1.0) for p in params if p.grad is not None]
        norm = float(torch.linalg.vector_norm(torch.stack(norms)))
        history = state.setdefault("norms", torch.zeros(period, device=params[0].device))
        history[step % period] = norm
        if step >= period and step % period == 0:
            median = history.sort().values[min(period - 1, period // 4 * 2)]  # the upper one, as published
            state["threshold"] = group["clipping_scale"] * float(median)
        if "threshold" not in state or not math.isfinite(norm):
            return 1.0 if math.isfinite(norm) else 0.0
        return min(1.0, state["threshold"] / max(norm, 1e-20))

    def _update_tensor(self, p: Tensor, direction: Tensor, clipped: Tensor, group: dict[str, Any]) -> None:
        """Delta <- b1 Delta + (1 - b1) (size step, every fourth time) - lr (1 - b1) rms g / (sqrt v + eps)."""
        state, b1 = self.state[p], group["betas"][0]
        delta, period, t = state["delta"], group["size_update_period"], state["step"]
        delta.mul_(b1)
        state["size_gradients"][t % period] = (p * clipped).sum()
        if t % period == period - 1:
            state["rms"].copy_(p.square().mean().sqrt())
            delta.add_(p * self._size_step(state, group), alpha=1 - b1)
        denominator = self._denominator(state, direction, group, always=False)
        scale = state["rms"].clamp(min=group["min_rms"]) * (-group["lr"] * (1 - b1))
        delta.addcmul_(torch.div(direction, denominator, out=denominator), scale.expand_as(p))
        p.add_(delta)

    @staticmethod
    def _size_step(state: dict[str, Any], group: dict[str, Any]) -> Tensor:
        """-0.1 lr sqrt(1 - b) sum G / (sqrt s + eps), b = beta2^period; 0 below the least size."""
        period, gradients, lr = group["size_update_period"], state["size_gradients"], group["lr"]
        decay = group["betas"][1] ** period
        state["size_square"].mul_(decay).add_(gradients.square().mean(), alpha=1 - decay)
        correction = math.sqrt(1 - decay ** ((state["step"] + 1) // period))
        step = -group["scalar_lr_scale"] * lr * correction * gradients.sum()
        step = step / (state["size_square"].sqrt() + group["eps"])
        step = torch.where(state["rms"] < group["min_rms"], torch.zeros_like(step), step)
        shrink = torch.full_like(step, -group["scalar_lr_scale"] * lr * period)
        return torch.where(state["rms"] > group["max_rms"], shrink, step)

    @staticmethod
    def _denominator(state: dict[str, Any], g: Tensor, group: dict[str, Any], always: bool) -> Tensor:
        """sqrt of the bias-corrected second moment + eps; the correction is skipped once it is within a per cent."""
        beta2 = group["betas"][1]
        square = state["square"].mul_(beta2).addcmul_(g, g, value=1 - beta2)
        correction = 1 - beta2 ** (state["step"] + 1)
        root = square.sqrt()
        if always or correction < 0.99:
            root.mul_(correction**-0.5)
        return root.add_(group["eps"])

    def _update_scalar(self, p: Tensor, g: Tensor, group: dict[str, Any]) -> None:
        state, b1 = self.state[p], group["betas"][0]
        lr = group["lr"] * group["scalar_lr_scale"]
        state["delta"].mul_(b1)
        state["delta"].addcdiv_(g, self._denominator(state, g, group, always=True), value=-lr * (1 - b1))
        p.clamp_(-group["scalar_max"], group["scalar_max"]).add_(state["delta"])

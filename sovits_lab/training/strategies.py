"""How several processes train one model through Lightning: whole copies of it, or its transformer layers sharded."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import lightning
import torch
from lightning.fabric.plugins import ClusterEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, distributed, nn
from torch.distributed.tensor import DTensor

from sovits_lab.pipeline.distributed import RankInfo
from sovits_lab.pipeline.process_group import PATIENCE
from sovits_lab.training.step_callback import StepCallback
from sovits_lab.types import got


def device_of(accelerator: str, world: RankInfo) -> torch.device:
    """Return the device of this process: its own GPU, or the processors."""
    if accelerator == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", world.local % torch.cuda.device_count())


def arrangement(name: str, world: RankInfo, device: torch.device) -> dict[str, Any]:
    """Return the arguments of Lightning's trainer for one process of several.

    Lightning is told of as many machines as there are processes, each with one device: where a process stands is ours
    to know, and Lightning neither starts processes nor numbers them.

    Raises:
        InputError: no such strategy.
    """
    if name not in STRATEGIES:
        raise got("trainer.strategy", name, "one of " + ", ".join(STRATEGIES))
    strategy = STRATEGIES[name](
        cluster_environment=RankEnvironment(world),
        timeout=PATIENCE,
        # A step uses what it needs: that of a discriminator leaves the generator alone.
        find_unused_parameters=True,
        broadcast_buffers=False,  # `SameBuffers` averages them instead
    )
    devices = [device.index] if device.type == "cuda" else 1
    return {"strategy": strategy, "devices": devices, "num_nodes": world.size}


class RankEnvironment(ClusterEnvironment):
    """Tells Lightning where this process stands, and that all processes exist already."""

    def __init__(self, world: RankInfo) -> None:
        self.world = world

    @property
    def creates_processes_externally(self) -> bool:
        """Whether Lightning must not start processes: the runner has started them."""
        return True

    @property
    def main_address(self) -> str:
        """Address of rank 0's store."""
        return self.world.address

    @property
    def main_port(self) -> int:
        """Port of rank 0's store."""
        return self.world.port

    @staticmethod
    def detect() -> bool:
        """Return False: it is never guessed from the environment."""
        return False

    def world_size(self) -> int:
        """Return the number of processes in all."""
        return self.world.size

    def set_world_size(self, size: int) -> None:
        """Do nothing: it is known already."""
        assert size == self.world.size

    def global_rank(self) -> int:
        """Return the number of this process among all."""
        return self.world.rank

    def set_global_rank(self, rank: int) -> None:
        """Do nothing: it is known already."""
        assert rank == self.world.rank

    def local_rank(self) -> int:
        """Return the only one of its machine, as far as Lightning knows."""
        return 0

    def node_rank(self) -> int:
        """Return the number of that machine."""
        return self.world.rank


class Copies(DDPStrategy):
    """Each process has the whole model; gradients are averaged at each backward pass."""

    @property
    def every_rank_computes(self) -> bool:
        """Whether a look at held-out data needs all ranks: where each has only its shard."""
        return False

    def whole_again(self, module: nn.Module) -> None:
        """Leave the module as it was before training, with its new weights: nothing to do."""


class Sharded(Copies):
    """The layers of transformers (see `layers_of`) are sharded by FSDP2, with their gradients and optimiser states;
    everything else is copied.

    Checkpoints are those of a model in one piece, so either strategy, and a process alone, can go on from them.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._plain: list[tuple[nn.Module, nn.Module]] = []  # each sharded layer, and what it was, without its weights
        self._instead: list[tuple[nn.Parameter, nn.Parameter]] = []  # parameters before and after sharding

    @property
    def every_rank_computes(self) -> bool:
        """See `Copies`."""
        return bool(self._plain)

    def configure_ddp(self) -> None:
        """Shard the layers, wrap the rest."""
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard
        from torch.nn.parallel import DistributedDataParallel

        assert isinstance(self.model, lightning.LightningModule)
        mesh = init_device_mesh(self.root_device.type, (self.world_size,))
        before = dict(self.model.named_parameters())
        for layer in list(layers_of(self.model)):
            self._plain.append((layer, copy.deepcopy(layer).to("meta")))
            fully_shard(layer, mesh=mesh, reshard_after_forward=True)
        after = dict(self.model.named_parameters())
        self._instead = [(before[name], after[name]) for name in after if after[name] is not before[name]]
        names = [name for name, parameter in after.items() if isinstance(parameter, DTensor)]
        ignore: Any = DistributedDataParallel._set_params_and_buffers_to_ignore_for_model
        ignore(self.model, names)
        super().configure_ddp()

    def setup_optimizers(self, trainer: lightning.Trainer) -> None:
        """Give the optimisers the shards of parameters that a task has chosen before they were sharded."""
        super().setup_optimizers(trainer)
        instead = {id(old): new for old, new in self._instead}
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["params"] = [instead.get(id(p), p) for p in group["params"]]
        self._instead.clear()

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """Return whole tensors, on every rank."""
        assert self.lightning_module is not None
        return {name: whole(value) for name, value in self.lightning_module.state_dict().items()}

    def optimizer_state(self, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """Return whole tensors, in the form of an ordinary optimiser's state."""
        return _mapped(super().optimizer_state(optimizer), whole)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Shard what was saved whole, as the optimisers' parameters are."""
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            sharded = {
                number: {key: _like(value, parameters[number]) for key, value in entries.items()}
                for number, entries in state["state"].items()
            }
            optimizer.load_state_dict({**state, "state": sharded})

    def whole_again(self, module: nn.Module) -> None:
        """Make ordinary layers with ordinary parameters; every rank must call it."""
        plain = {id(layer): shape for layer, shape in self._plain}
        for layer, shape in self._plain:
            for part, ours in zip(layer.modules(), shape.modules(), strict=True):
                for name, parameter in part.named_parameters(recurse=False):
                    full = whole(parameter.detach()).clone()
                    ours.register_parameter(name, nn.Parameter(full, parameter.requires_grad))
                for name, buffer in part.named_buffers(recurse=False):
                    setattr(ours, name, buffer)
                ours.training = part.training
        for holder in list(module.modules()):
            for name, child in list(holder.named_children()):
                if id(child) in plain:
                    setattr(holder, name, plain[id(child)])
        self._plain.clear()


STRATEGIES: dict[str, type[Copies]] = {"ddp": Copies, "fsdp": Sharded}


def layers_of(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the layers of every transformer in a module: the children of each list called `layers`.

    A layer whose inner parts the model uses by themselves, outside the layer's `forward`, cannot be sharded: its number
    is in the model's `copied_layers`.
    """
    for part in module.modules():
        layers, copied = part._modules.get("layers"), getattr(part, "copied_layers", ())
        if isinstance(layers, nn.ModuleList):
            yield from (layer for number, layer in enumerate(layers) if number not in copied)


def whole(value: Any) -> Any:
    """Return a tensor in one piece; every rank must ask. Anything else is returned as it is."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def looks_here(trainer: lightning.Trainer) -> bool:
    """Return whether this process takes part in looks at held-out data: rank 0, or all where the model is sharded."""
    return trainer.is_global_zero or getattr(trainer.strategy, "every_rank_computes", False)


class SameBuffers(StepCallback):
    """Averages running statistics (of normalisation, of scales) over the ranks, after each step.

    Nothing is exchanged within a step (as `SyncBatchNorm` would): a batch of seconds of speech has thousands of
    positions, and the gradient stays the mean of the ranks' own. It comes first among the callbacks: all see the same.
    """

    def after_step(self, trainer: lightning.Trainer, task: lightning.LightningModule, step: int) -> None:
        """Exchange all buffers at once."""
        kept = task.state_dict(keep_vars=True)
        buffers = [b for name, b in task.named_buffers() if name in kept and b.is_floating_point()]
        if not buffers:
            return
        flat = torch.cat([b.detach().reshape(-1).float() for b in buffers])
        distributed.all_reduce(flat)
        flat /= distributed.get_world_size()
        for buffer, values in zip(buffers, torch.split(flat, [b.numel() for b in buffers]), strict=True):
            buffer.copy_(values.view_as(buffer))


def _mapped(value: Any, function: Any) -> Any:
    if isinstance(value, dict):
        return {key: _mapped(inner, function) for key, inner in value.items()}
    if isinstance(value, list):
        return [_mapped(inner, function) for inner in value]
    return function(value)


def _like(value: Any, parameter: Tensor) -> Any:
    """A saved tensor of a parameter's shape, sharded as the parameter is."""
    from torch.distributed.tensor import distribute_tensor

    if not isinstance(parameter, DTensor) or not isinstance(value, Tensor) or value.shape != parameter.shape:
        return value
    return distribute_tensor(value.to(parameter.device), parameter.device_mesh, parameter.placements)

"""An upper bound of mutual information as a loss."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from sovits_lab.losses.disentanglement import Classifier
from sovits_lab.losses.regulariser import Facts


class InformationBound(Classifier):
    """vCLUB (Cheng et al. 2020, eq. 12): how much vectors x tell of ids y, in nats, at most.

    I(x; y) is bounded by E[log q(y|x)] under the joint distribution, minus the same under the product of the marginals,
    here over all pairs of the batch; q is a small network. The value is the bound. Its gradient reaches the vectors
    alone, and only while it is above 0, below which no information lies: q has to catch up then. q itself learns by
    maximum likelihood from the same, detached vectors, in the same backward pass, and is as well trained as the main
    optimiser trains it: with a poor q the value is no bound.

    Args:
        input, target, width, classes, hidden: as of `Classifier`.
    """

    def forward(self, facts: Facts) -> Float[Tensor, ""]:
        x, y = facts[self.input].float(), facts[self.target]
        fixed = {name: value.detach() for name, value in self.net.named_parameters()}
        log_q = functional_call(self.net, fixed, (x,)).float().log_softmax(1)  # [i, k]: log q(k | x_i)
        bound = log_q.gather(1, y[:, None]).mean() - log_q[:, y].mean()
        if bound < 0:
            bound = bound.detach()
        fit = nn.functional.cross_entropy(self.net(x.detach()).float(), y)
        return bound + (fit - fit.detach())

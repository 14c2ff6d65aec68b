"""Regularisers: they say what they claim of planted vectors, and their gradients go where they should."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from sovits_lab.losses.consistency import ParallelConsistency
from sovits_lab.losses.disentanglement import Adversary, Classifier, SequenceAdversary, supervised_contrast
from sovits_lab.losses.information import InformationBound
from sovits_lab.losses.pitch import MIDDLE, PitchOfFrames
from sovits_lab.losses.regulariser import Facts, Regulariser


def test_classifier_and_its_adversary_pull_apart() -> None:
    torch.manual_seed(0)
    x = torch.randn(12, 4, requires_grad=True)
    facts = {"style": x, "speaker": torch.randint(3, (12,))}
    friend, foe = Classifier("style", "speaker", 4, 3), Adversary("style", "speaker", 4, 3)
    foe.load_state_dict(friend.state_dict())
    (kind,), (mean,) = torch.autograd.grad(friend(facts), x), torch.autograd.grad(foe(facts), x)
    assert friend(facts) == foe(facts)
    torch.testing.assert_close(mean, -kind)


def test_an_adversary_to_chance_leaves_alone_who_is_not_told() -> None:
    torch.manual_seed(0)
    x, label = torch.randn(12, 4, requires_grad=True), torch.randint(3, (12,))
    label[0] = -1
    ever, bounded = Adversary("style", "speaker", 4, 3), Adversary("style", "speaker", 4, 3, stop_at_chance=True)
    bounded.load_state_dict(ever.state_dict())
    facts = {"style": x, "speaker": label}
    told = ever.net(x).softmax(1)[torch.arange(12), label] > 1 / 3
    assert told[1:].any() and not told[1:].all()
    assert bounded(facts) == ever(facts)
    (all_rows, *net), (some, *same) = (
        torch.autograd.grad(each(facts), [x, *each.parameters()]) for each in (ever, bounded)
    )
    torch.testing.assert_close(some[1:], all_rows[1:] * told[1:, None])
    assert not some[0].any()
    torch.testing.assert_close(same, net)  # the network learns by every row


def test_the_length_of_vectors_earns_nothing_beyond_chance() -> None:
    """Vectors on the wrong side: the whole adversary pays for going on, without end; the bounded one does not."""
    x, label = torch.tensor([[-5.0, 0.0], [0.0, -5.0]], requires_grad=True), torch.tensor([0, 1])
    for bounded in (False, True):
        foe = Adversary("style", "speaker", 2, 2, stop_at_chance=bounded)
        foe.net = nn.Identity()
        (reward,) = torch.autograd.grad(foe({"style": x, "speaker": label}), x)
        assert bool(reward.any()) is not bounded


def test_rows_of_unknown_class_are_not_asked() -> None:
    torch.manual_seed(0)
    x, label = torch.randn(6, 4), torch.tensor([0, -1, 2, 1, -1, 0])
    each = Classifier("style", "emotion", 4, 3)
    some = each({"style": x[label >= 0], "emotion": label[label >= 0]})
    torch.testing.assert_close(each({"style": x, "emotion": label}), some)
    assert each({"style": x, "emotion": torch.full((6,), -1)}) == 0


def test_a_sequence_is_read_as_a_bag_of_its_real_vectors() -> None:
    torch.manual_seed(0)
    x, mask = torch.randn(2, 5, 4), torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    adversary = SequenceAdversary("content", "speaker", 4, 3)
    facts = {"content": x, "mask": mask, "speaker": torch.tensor([0, 2])}
    spoiled = torch.where(mask[..., None], x, torch.full_like(x, 9.0))
    turned = torch.stack([x[0].flip(0), spoiled[1]])
    torch.testing.assert_close(adversary(facts), adversary({**facts, "content": turned}))


def test_contrast_is_low_where_labels_agree_and_needs_a_partner() -> None:
    label = torch.tensor([0, 0, 1, 1])
    together = torch.tensor([[1.0, 0], [1, 0.1], [-1, 0], [-1, 0.1]])
    assert supervised_contrast(together, label) < supervised_contrast(together[[0, 2, 1, 3]], label)
    lonely = torch.randn(3, 2, requires_grad=True)
    loss = supervised_contrast(lonely, torch.arange(3))
    loss.backward()
    assert loss.item() == 0 and lonely.grad is not None


def test_contrast_is_the_papers_equation() -> None:
    torch.manual_seed(0)
    vector, label, t = torch.randn(5, 3), torch.tensor([0, 1, 0, 1, 0]), 0.5
    z = nn.functional.normalize(vector, dim=1)
    terms = []
    for i in range(5):
        others = [a for a in range(5) if a != i]
        positive = [p for p in others if label[p] == label[i]]
        bottom = torch.stack([(z[i] @ z[a] / t).exp() for a in others]).sum()
        terms.append(-torch.stack([((z[i] @ z[p] / t).exp() / bottom).log() for p in positive]).mean())
    torch.testing.assert_close(supervised_contrast(vector, label, t), torch.stack(terms).mean())


def learned(bound: InformationBound, facts: Facts, steps: int = 300) -> float:
    """The bound after its network has been trained for a while."""
    optimizer = torch.optim.Adam(bound.parameters(), 0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        bound(facts).backward()
        optimizer.step()
    return bound(facts).item()


def test_the_bound_is_the_information_of_a_code_and_none_of_noise() -> None:
    """y of four equal classes that x names: ln 4 nats. vCLUB may lie above the information, not far below it."""
    torch.manual_seed(0)
    y = torch.arange(400) % 4
    code = nn.functional.one_hot(y, 4).float() + 0.05 * torch.randn(400, 4)
    assert learned(InformationBound("style", "speaker", 4, 4), {"style": code, "speaker": y}) > math.log(4) - 0.05
    noise = torch.randn(400, 4)
    told_nothing = learned(InformationBound("style", "speaker", 4, 4, hidden=2), {"style": noise, "speaker": y}, 50)
    assert abs(told_nothing) < 0.1


def test_the_bound_moves_the_vectors_and_the_likelihood_moves_the_network() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(8, 3, requires_grad=True), torch.arange(8) % 2
    term = InformationBound("style", "speaker", 3, 2)
    facts = {"style": x, "speaker": y}
    log_q = term.net(x).log_softmax(1)
    value = log_q[torch.arange(8), y].mean() - torch.stack([log_q[:, k] for k in y], 1).mean()
    torch.testing.assert_close(term(facts), value)
    torch.testing.assert_close(torch.autograd.grad(term(facts), x)[0], torch.autograd.grad(value, x)[0])
    fit = nn.functional.cross_entropy(term.net(x.detach()), y)
    weights = list(term.parameters())
    ours, theirs = torch.autograd.grad(term(facts), weights), torch.autograd.grad(fit, weights)
    for ours_, theirs_ in zip(ours, theirs, strict=True):
        torch.testing.assert_close(ours_, theirs_)


def test_an_estimate_below_zero_moves_no_vector() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(8, 2, requires_grad=True), torch.arange(8) % 2
    term = InformationBound("style", "speaker", 2, 2)
    signs = set()
    for labels in (y, 1 - y):
        loss = term({"style": x, "speaker": labels})
        (gradient,) = torch.autograd.grad(loss, x, allow_unused=True)
        assert (gradient is not None) == (loss.item() > 0)
        signs.add(loss.item() > 0)
    assert signs == {True, False}


def parallel(vectors: torch.Tensor, mask: torch.Tensor | None = None) -> Facts:
    """Two renditions of one sentence of two phones, two vectors each, and another sentence."""
    phone = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]])
    position = torch.tensor([[0.2, 0.7] * 2] * 3)
    mask = torch.ones(3, 4, dtype=torch.bool) if mask is None else mask
    return {"content": vectors, "mask": mask, "phone": phone, "position": position, "sentence": torch.tensor([5, 5, 7])}


def test_consistency_is_the_share_of_variance_within_renditions() -> None:
    torch.manual_seed(0)
    term = ParallelConsistency("content", parts=2)
    x = torch.randn(3, 4, 2)
    x[1] = x[0]
    assert term(parallel(x)) < 1e-12, "equal renditions"
    x[2] += 100
    assert term(parallel(x)) < 1e-12, "a sentence of its own says nothing"
    x[1] += torch.tensor([1.0, 0.0])
    pair = x[:2].reshape(-1, 2)
    expected = 0.25 / (pair - pair.mean(0)).square().sum(1).mean()
    torch.testing.assert_close(term(parallel(x)), expected)
    torch.testing.assert_close(term(parallel(10 * x)), expected), "blind to scale"
    # parts of a phone are apart: with one part, what differs within a phone counts as well
    assert ParallelConsistency("content", parts=1)(parallel(x)) > term(parallel(x))


def test_consistency_ignores_padding_and_unknown_phones() -> None:
    torch.manual_seed(0)
    term, x = ParallelConsistency("content"), torch.randn(3, 4, 2, requires_grad=True)
    mask = torch.ones(3, 4, dtype=torch.bool)
    mask[1, 3] = False
    facts = parallel(x, mask)
    unknown = {**facts, "mask": torch.ones(3, 4, dtype=torch.bool), "phone": facts["phone"].masked_fill(~mask, -1)}
    assert term(facts) == term(unknown)
    (gradient,) = torch.autograd.grad(term(facts), x)
    assert gradient[0, :3].any() and not gradient[1, 3].any() and not gradient[2].any()


@pytest.mark.parametrize("phone", [-1, 0])
def test_without_parallels_consistency_is_nothing_and_has_a_gradient(phone: int) -> None:
    x = torch.randn(3, 4, 2, requires_grad=True)
    facts = {**parallel(x), "phone": torch.full((3, 4), phone), "sentence": torch.arange(3)}
    loss = ParallelConsistency("content")(facts)
    loss.backward()
    assert loss == 0 and x.grad is not None


def test_a_regulariser_must_say_what_it_is() -> None:
    with pytest.raises(NotImplementedError):
        Regulariser("style")({})


def test_the_pitch_of_frames_is_asked_where_it_is_and_nowhere_else() -> None:
    f0 = torch.tensor([[0.0, 150.0, 300.0, 75.0], [100.0, 0.0, 0.0, 0.0]])
    mask = torch.tensor([[True, True, True, True], [True, True, False, False]])
    octaves = torch.where(f0 > 0, torch.log2(f0.clamp(min=1) / MIDDLE), torch.zeros(()))
    frames = torch.stack([octaves, torch.where(f0 > 0, 20.0, -20.0)], dim=-1)
    ask = PitchOfFrames("frames", 2)
    with torch.no_grad():
        ask.read.weight.copy_(torch.eye(2)), ask.read.bias.zero_()
    facts = {"frames": frames, "mask": mask, "f0": f0}
    assert ask(facts) < 1e-6, "perfect frames"
    padded = torch.where(mask[..., None], frames, torch.full_like(frames, 9.0))
    assert ask({**facts, "frames": padded}) == ask(facts)
    silent = torch.zeros_like(f0)
    frames.requires_grad_()
    (gradient,) = torch.autograd.grad(ask({"frames": frames, "mask": mask, "f0": silent}), frames)
    assert gradient[..., 0].abs().max() == 0 and gradient[0, 1, 1] > 0, "unvoiced frames have no pitch to miss"
    flat = {**facts, "frames": torch.stack([octaves + 1, frames.detach()[..., 1]], dim=-1)}
    assert ask(flat).item() == pytest.approx(3.0 * (1 - 0.05), abs=1e-4), "an octave off"

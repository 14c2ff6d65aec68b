"""Wrong values of what conditions a model are named before any stage starts."""

from __future__ import annotations

import pytest
import torch
import yaml

from sovits_lab.pipeline.conf import CONF
from sovits_lab.pipeline.runner import place_refusal
from sovits_lab.pipeline.validation import locate, nodes_below
from sovits_lab.pipeline.value_checks import hints_of, options_of
from tests.pipeline.refusals import refusal as refusal_of

RATE, FINITE = "expected a number from 0, below 1", "expected a finite number"


def refusal(overrides: str) -> str:
    return refusal_of("experiment=sad_transfer", *overrides.split())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("emotion.dropout=1.5", f"emotion.dropout: got 1.5, {RATE}"),
        ("emotion.dropout=-1", f"emotion.dropout: got -1, {RATE}"),
        ("emotion.dropout=x", f"emotion.dropout: got 'x', {RATE}"),
        ("emotion.dropout=true", f"emotion.dropout: got True, {RATE}"),
        ("emotion.dropout=null", f"emotion.dropout: got None, {RATE}"),
        ("emotion.dropout=nan", f"emotion.dropout: got nan, {FINITE}"),
        ("stages.gpt.noise=-inf", f"stages.gpt.noise: got -inf, {FINITE}"),
        ("trainer.timeout=inf", f"trainer.timeout: got inf, {FINITE}"),
        ("stages.gpt.references.frames=[75,nan]", f"stages.gpt.references.frames[1]: got nan, {FINITE}"),
        ("stages.gpt.references.frames=5", "stages.gpt.references.frames: got 5, expected a value of type list"),
        ("+stages.gpt.references.colur=1", "stages.gpt.references.colur: got 1, expected a parameter of References"),
        ("stages.gpt.optimisation.steps=x", "stages.gpt.optimisation.steps: got 'x', expected a value of type int"),
        ("+stages.gpt.losses.tokens=1", "stages.gpt: losses.tokens: got 1, expected one of the losses token, guided"),
        ("stages.gpt.losses.token=-1", "stages.gpt: losses.token: got -1, expected a number of at least 0"),
        (
            "stages.style.losses.emotion.input=styl",
            "losses.emotion.input: got 'styl', expected one of style",
        ),
        (
            "stages.gpt.losses.emotion.target=mood",
            "losses.emotion.target: got 'mood', expected one of emotion",
        ),
        ("stages.gpt.references.other_speaker=1.5", "references.other_speaker: got 1.5, expected a probability"),
        ("stages.gpt.references.mel_shift=-3", "references.mel_shift: got -3, expected a number of at least 0"),
        ("+emotion.drop=0.1", "emotion.drop: got 0.1, expected one of reference, labels, dropout (did you mean"),
        (
            "+stages.speaker.losses.x=1",
            "stages.speaker: losses.x: got 1, expected one of the losses speaker, or a",
        ),
        ("stages.gpt.losses.emotion=0", "stages.gpt: losses.emotion: got 0, expected one of the losses token, guided"),
        ("stages.gpt.losses.emotion.weight=x", "stages.gpt: losses.emotion.weight: got 'x', expected a number of at"),
        ("+gpt.weight=1", "gpt.weight: got 1, expected a parameter of sovits_lab.models.gpt"),
        ("~stages.gpt.losses.token", "stages.gpt: losses.token: got None, expected its weight, a number"),
        ("style_sites.dropout.style=2", f"style_sites.dropout.style: got 2, {RATE}"),
        (
            "+style_sites.dropout.foo=0.1",
            "style_sites.dropout.foo: got 0.1, expected only rates of speaker, style, emotion",
        ),
        ("style_sites.dropout=0.1", "style_sites.dropout: got 0.1, expected rates of speaker, style, emotion, by name"),
        (
            "style_sites.sovits.parts=[foo]",
            "style_sites.sovits.parts: got 'foo', expected one of prosody, latents, flow, head",
        ),
        (
            "style_sites.sovits.parts=flow",
            "style_sites.sovits.parts: got 'flow', expected a list of some of prosody, latents",
        ),
        (
            "style_sites.sovits.parts=[gpt]",
            "style_sites.sovits.parts: got 'gpt', expected one of prosody, latents, flow, head",
        ),
        ("style_sites.gpt.parts=[prosody]", "style_sites.gpt.parts: got 'prosody', expected one of gpt"),
        ("fusion=cross_attention fusion.tokens=0", "fusion.tokens: got 0, expected a whole number from 1"),
        ("fusion=cross_attention fusion.heads=7", "fusion.heads: got 7, expected a divisor of the width of a block"),
        (
            "reference=gst reference.heads=7",
            "reference.heads: got 7, expected a divisor of reference.out_channels, 256",
        ),
        (
            "reference=levelled reference@reference.encoder=gst reference.encoder.heads=7",
            "reference.encoder.heads: got 7, expected a divisor of reference.out_channels",
        ),
        (
            "reference=mel_style reference.heads=3",
            "reference.heads: got 3, expected a divisor of reference.hidden, 128",
        ),
        (
            "reference=mel_style reference.out_channels=0",
            "reference.out_channels: got 0, expected a whole number from 1",
        ),
        (
            "reference=conv_gru reference.out_channels=-1",
            "reference.out_channels: got -1, expected a whole number from 0",
        ),
        ("reference=conv_gru reference.kernel=4", "reference.kernel: got 4, expected an odd number"),
        ("content.model.layers=[1]", "content.model.layers: got [1], expected a list of 3"),
        ("sovits.prior.layers=[1,2]", "sovits.prior.layers: got [1, 2], expected a list of 4"),
        ("sampling.temperature=-1", "sampling.temperature: got -1, expected 0 or more"),
        ("sampling.top_k=0", "sampling.top_k: got 0, expected 1 or more, or null for all"),
        ("stages.gpt.noise=-1", "stages.gpt.noise: got -1, expected a number at least 0"),
        (
            "stages.sovits.prior_fraction=2",
            "stages.sovits.prior_fraction: got 2, expected a number at least 0 and at most",
        ),
        ("stages.sovits.slice_frames=0", "stages.sovits.slice_frames: got 0, expected a number at least 1"),
        ("stages.sovits.adversarial_start_step=-5", "adversarial_start_step: got -5, expected a number at least 0"),
        ("test_set.sentences=-1", "test_set.sentences: got -1, expected a number at least 0"),
        ("test_set.curve.sentences=-1", "test_set.curve.sentences: got -1, expected a number at least 0"),
        ("test_set.roles=[]", "test_set.roles: got 'an empty list', expected at least one"),
        (
            "stages=adapters adapters=style reference=none",
            "got 'neither a reference encoder nor labels', expected one that hears",
        ),
        (
            " ".join(
                f"stages.style.losses.{one}.weight=0" for one in ("emotion", "speaker_adversary", "contrast", "pitch")
            ),
            "losses: got 'no regulariser with a weight above 0', expected one or more",
        ),
        ("speaker.out_channels=0", "speaker.out_channels: got 0, expected a whole number from 1"),
        ("+seeed=3", "seeed: got 3"),
        ("+trainer.thread=3", "did you mean 'threads'"),
        ("+stages.gpt.runtime.treads=3", "did you mean 'threads'"),
        ("+logger.entity=3", "logger.entity: got 3"),
        ("+logger.x._target_=os.system +logger.x.command=x", "logger.x._target_: got 'os.system', expected a class"),
        (
            "stages.scores.scorers=[{_target_:os.system,command:x}]",
            "stages.scores.scorers[0]._target_: got 'os.system', expected a class",
        ),
        (
            "stages.scores.speaker={_target_:evaluation.judges.ecapa.Ecapa,source:{_target_:posix.system,command:x}}",
            "stages.scores.speaker.source._target_: got 'posix.system', expected a class",
        ),
        (
            "+stages.sovits.callbacks=[{_target_:evaluation.metrics.fixed_set.ScoreFixedSet,every:1,"
            "metrics:{a:{_target_:shutil.rmtree,path:x}},composite:{a:1}}]",
            "metrics.a._target_: got 'shutil.rmtree', expected a class",
        ),
        ("stages.scores.scorers=[{_target_:builtins.print}]", "expected a node of a Scorer"),
        ("stages.scores.scorers=[{_target_:evaluation.judges.whisper.Whisper}]", "expected a node of a Scorer"),
        ("stages.scores.scorers=[{}]", "scorers[0]: got {}, expected a node of a Scorer"),
        ("stages.scores.speaker={_target_:builtins.print}", "expected a node of a SpeakerJudge"),
        ("emotion=both emotion.labels.out_channels=0", "emotion.labels.out_channels: got 0, expected a whole number"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(overrides: str, message: str) -> None:
    said = refusal(overrides)
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize(
    "overrides", ["", "emotion=both", "style_sites=all fusion=cross_attention", "style_sites=gpt", "emotion=none"]
)
def test_right_values_pass_and_the_look_draws_nothing(overrides: str) -> None:
    before = torch.get_rng_state()
    assert refusal(overrides) == ""
    assert torch.equal(torch.get_rng_state(), before)


def test_zero_out_channels_of_conv_gru_are_no_bottleneck() -> None:
    assert refusal("reference=conv_gru reference.out_channels=0") == ""


def test_a_refusal_without_a_key_stays_as_it_is() -> None:
    raw = {"style_sites": {"dropout": "${rate}"}, "rate": 1}
    assert place_refusal("stages.gpt: style_sites.dropout: got 1", raw) == "stages.gpt: rate: got 1"
    assert place_refusal("stages.gpt: it needs more: words", raw) == "stages.gpt: it needs more: words"
    assert place_refusal("rate: got 1", raw) == "rate: got 1"


def test_a_part_inside_another_is_named_where_it_is() -> None:
    raw = {"reference": {"depth": 1, "encoder": {"heads": 7}, "pool": {}}}
    for said, meant in (("heads", "encoder.heads"), ("depth", "depth"), ("x", "x")):
        assert place_refusal(f"stages.gpt: reference.{said}: got 1", raw) == f"stages.gpt: reference.{meant}: got 1"
    raw["reference"]["body"] = {"heads": 7}
    assert place_refusal("stages.gpt: reference.heads: got 1", raw) == "stages.gpt: reference.heads: got 1"


@pytest.mark.parametrize(
    ("override", "key", "reason"),
    [
        ("stages.sovits.reconstruction.linear_windows=[512,60000]", "reconstruction", "Padding size"),
        ("stages.sovits.reconstruction.linear_windows=[0]", "reconstruction", "n_fft=0"),
        ("stages.sovits.slice_frames=1", "reconstruction", "Padding size"),
        ("discriminator.hops=[0,100]", "discriminator", "hop_length"),
    ],
)
def test_judges_of_waveforms_that_cannot_hear_a_slice_are_refused(override: str, key: str, reason: str) -> None:
    said = refusal(f"experiment=starter_voice {override}")
    assert said.startswith(f"stages.sovits: {key}: got ") and reason in said and "(slice_frames)" in said


# Numbers of stages that have no range in their annotation because the constructor checks them itself. Seeds and the
# number of processes are the runner's.
WITHOUT_RANGE = {
    "AdaptGpt": {"replay"}, "AdaptSovits": {"replay"}, "BuildPhoneTokens": {"codes"}, "EmbedFolds": {"seconds"},
    "EmbedStyles": {"seconds"}, "FitClusters": {"codes"}, "ReadShards": {"window"}, "Rehearse": {"sentences"},
    "SpeakTestSet": {"style_seconds"}, "ToyCorpus": {"level_dbfs", "sample_rate", "workers"},
    "WriteShards": {"utterances"},
}  # fmt: skip


def test_numbers_of_stages_have_a_range() -> None:
    found: dict[str, set[str]] = {}
    for path in sorted(CONF.rglob("*.yaml")):
        for where, node in nodes_below(yaml.safe_load(path.read_text(encoding="utf-8")) or {}, path.stem):
            stage = locate(node["_target_"], where)
            if hasattr(stage, "run"):
                hints = {key: set(options_of(hint)) for key, hint in hints_of(stage).items()}
                bare = {
                    key for key, options in hints.items() if options & {int, float} and key not in ("seed", "world")
                }
                found.setdefault(stage.__name__, bare)
    assert len(found) > 20
    assert {name: bare for name, bare in found.items() if bare} == WITHOUT_RANGE


def test_layers_to_adapt_that_the_model_lacks_are_refused_before_anything_is_computed() -> None:
    said = refusal("experiment=finetune_v3_lora sovits=v2")
    assert said.startswith("stages.sovits: recipe.lora: got ['^flow") and "a linear layer or a convolution of" in said
    assert "\n" not in said


def test_layers_to_adapt_are_found_in_the_model_of_an_experiment() -> None:
    assert refusal("experiment=finetune_v3_lora") == ""

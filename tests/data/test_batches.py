"""The feature store and the batches cut from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sovits_lab.data.batches import (
    Labels,
    SpeakerData,
    SpeechData,
    TokenizerData,
    evenly_placed,
    mask_of,
    pad,
    stack_mels,
)
from sovits_lab.data.references import References, recolour
from sovits_lab.data.store import FeatureStore
from sovits_lab.types import InputError
from tests.data.stores import SPEC, SYMBOLS, voice, write_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    return write_store(tmp_path_factory.mktemp("features"))


def speech_data(store: FeatureStore, seed: int = 0) -> SpeechData:
    rows = store.select(["train"], ["emotional"])
    tokens = {r.id: np.arange(r.frames // 2, dtype=np.int32) % 7 for r in store.rows}
    speakers = {name: np.full(4, i, dtype=np.float32) for i, name in enumerate(("ann", "bob"))}
    references = References(store, rows, 0.5, (20, 30))
    return SpeechData(store, rows, tokens, speakers, Labels.of(store, rows), references, 4.0, seed, waveforms=True)


@pytest.mark.parametrize("frames", [[20], [30, 20], [0, 20]])
def test_a_range_of_lengths_that_is_none_is_refused(store: FeatureStore, frames: list[int]) -> None:
    with pytest.raises(InputError, match=r"references.frames: got .*expected \[FEWEST, MOST\]"):
        References(store, [0], 0.5, frames)


def test_padding_is_on_the_right_and_masked() -> None:
    rows = [np.array([1, 2, 3]), np.array([4])]
    assert pad(rows, -1).tolist() == [[1, 2, 3], [4, -1, -1]]
    assert torch.equal(mask_of(rows), pad(rows, 0) > 0)


def test_the_store_gives_back_what_was_put(store: FeatureStore) -> None:
    row = store.rows[4]
    wav, pitch = voice(row.start, row.frames)
    assert np.abs(store.wav(4) - wav).max() <= 1 / 32767
    assert np.array_equal(store.f0(4), pitch)
    assert store.mel(4).shape == (row.frames, SPEC.n_mels)
    assert np.array_equal(store.mel(4, 5, 8), store.mel(4)[5:13])
    assert np.array_equal(store.wav(4, 5, 8), store.wav(4)[5 * SPEC.hop : 13 * SPEC.hop])
    assert [SYMBOLS[i] for i in store.phones(4)] == list(row.phones)


def test_alignment_says_which_phone_each_frame_speaks(store: FeatureStore, tmp_path: Path) -> None:
    place = store.phone_of_frame(0)
    assert np.array_equal(np.bincount(place), store.rows[0].durations)
    bare = write_store(tmp_path, aligned=False)
    assert (bare.phone_of_frame(0) == -1).all()
    bare.align({row.id: row.durations for row in store.rows})
    assert np.array_equal(bare.phone_of_frame(0), place)


def test_a_folder_without_a_table_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"table\.jsonl"):
        FeatureStore(tmp_path)


def test_tokenizer_targets_are_the_phones_under_the_frames(store: FeatureStore) -> None:
    data = TokenizerData(store, range(len(store.rows)), 4.0, seed=0, mel_shift=2)
    batch = data.batch(3)
    for row in range(len(batch.mel)):
        targets, phones = batch.targets[row][batch.mask[row]], batch.phones[row][batch.phone_mask[row]]
        assert torch.equal(targets.unique_consecutive(), phones.unique_consecutive())
    assert (batch.targets[~batch.mask] == -1).all()


@pytest.mark.parametrize("kind", ["tokenizer", "speaker", "speech"])
def test_a_batch_is_a_pure_function_of_its_step(store: FeatureStore, kind: str) -> None:
    rows = range(len(store.rows))

    def made() -> TokenizerData | SpeakerData | SpeechData:
        if kind == "tokenizer":
            return TokenizerData(store, rows, 4.0, seed=0)
        return SpeakerData(store, rows, 6, (10, 50), 0) if kind == "speaker" else speech_data(store)

    first, second = made(), made()
    wanted = [first.batch(step) for step in range(6)]
    for step in (5, 0, 3):
        for a, b in zip(second.batch(step), wanted[step], strict=True):
            assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
    assert not torch.equal(wanted[0].mel.flatten()[:50], wanted[1].mel.flatten()[:50])


def test_everything_in_a_speech_batch_belongs_together(store: FeatureStore) -> None:
    data = speech_data(store)
    batch = data.batch(2)
    assert batch.wav.shape[1] == batch.mask.shape[1] * SPEC.hop and batch.tokens.shape[1] * 2 == batch.mask.shape[1]
    for row, index in enumerate(data.plan.batch(2)):
        facts = store.rows[index]
        assert data.labels.speakers[batch.speaker[row]] == facts.speaker
        assert data.labels.emotions[batch.emotion[row]] == facts.emotion
        assert batch.mask[row].sum() == facts.frames and batch.token_mask[row].sum() == facts.frames // 2
        assert np.array_equal(batch.wav[row, : facts.frames * SPEC.hop].numpy(), store.wav(index))
        assert batch.speaker_vector[row, 0] == data.labels.speakers.index(facts.speaker)


def test_a_style_reference_has_the_emotion_of_its_utterance(store: FeatureStore) -> None:
    rng = np.random.default_rng(0)
    own, any_speaker = References(store, range(len(store.rows)), 0.0, (20, 30)), References(store, [0, 3, 6, 9], 1.0)
    mel = own.draw(2, rng)
    assert any(np.array_equal(store.mel(2, s, len(mel)), mel) for s in range(store.rows[2].frames))
    drawn = {any_speaker.draw(2, rng).tobytes() for _ in range(40)}  # row 2 is neutral: 0 and 6 are too
    assert drawn <= {store.mel(i).tobytes() for i in (0, 6)} and len(drawn) == 2


def test_speakers_are_drawn_evenly_and_clips_are_their_own(store: FeatureStore) -> None:
    data = SpeakerData(store, [0, 6, 7, 8, 9], 400, (10, 12), 0)  # one clip of ann, four of bob
    who = data.batch(0).speaker
    assert 0.4 < (who == 0).float().mean() < 0.6
    with pytest.raises(InputError, match="no utterance"):
        SpeakerData(store, [], 4, (10, 12), 0)


def test_mels_are_stacked_channels_first(store: FeatureStore) -> None:
    mels = stack_mels([store.mel(0), store.mel(1)])
    assert torch.equal(mels.mel[1][:, mels.mask[1]].T, torch.from_numpy(store.mel(1)))


def test_a_new_colour_keeps_level_and_rhythm() -> None:
    mel = np.random.default_rng(0).normal(size=(12, 40)).astype(np.float32)
    painted = recolour(mel, np.random.default_rng(1), 0.5)
    np.testing.assert_allclose(painted.mean(1), mel.mean(1), atol=1e-5)
    np.testing.assert_allclose(np.diff(painted, axis=0), np.diff(mel, axis=0), atol=1e-5)
    assert np.abs(painted - mel).max() > 0.1
    assert np.array_equal(recolour(mel, np.random.default_rng(1), 0.0), mel)


def test_phones_are_guessed_to_be_equally_long_and_not_in_silences() -> None:
    mel = np.zeros((40, SPEC.n_mels), np.float32)
    mel[:9] = mel[20:28] = -12.0
    placed = evenly_placed(mel, np.array([4, 2, 2, 3]))
    assert (placed[:9] == -1).all() and (placed[20:28] == -1).all()
    spoken = placed[placed >= 0].tolist()
    assert spoken == [4] * 6 + [2] * 6 + [2] * 6 + [3] * 5

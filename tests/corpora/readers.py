"""What must hold of every reader of a corpus, tried on the example in its docstring."""

from __future__ import annotations

import doctest
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf

from sovits_lab.corpora.manifest import read_cuts
from sovits_lab.corpora.recorded import RecordedCorpus
from sovits_lab.corpora.texts import TextJudge
from sovits_lab.pipeline.usual_options import usual_option
from sovits_lab.types import InputError
from tests.corpora.corpora import Quiet, recording

CONF = Path(__file__).resolve().parents[2] / "conf"
RECORDING = None  # in place of a file's text
SECONDS = 2.5  # of a recording, in which the sentences of the examples can be said

Files = Mapping[str, str | None]  # path below the root -> text, or a recording


def recorded(conf: Path = CONF) -> dict[str, type[RecordedCorpus]]:
    """Option of `corpus` -> its class, for those of recordings."""
    targets = {path.stem: OmegaConf.load(path).get("_target_") for path in sorted((conf / "corpus").glob("*.yaml"))}
    classes = {name: get_class(target) for name, target in targets.items() if target}
    return {name: kind for name, kind in classes.items() if issubclass(kind, RecordedCorpus)}


def lay_out(files: Files, root: Path) -> None:
    """Make a folder of a corpus."""
    for name, text in files.items():
        if text is None:
            recording(root / name, SECONDS)
        else:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")


class Tried:
    """A reader behind its option, on folders below one of the test's.

    Attributes:
        files: of the example, known once it ran.
    """

    def __init__(self, name: str, kind: type[RecordedCorpus], folder: Path, conf: Path = CONF) -> None:
        self.name, self.kind, self.folder, self.conf = name, kind, folder, conf
        self.files: Files = {}

    def rows_of(self, files: Files) -> None:
        """Print the rows of the manifest that the corpus stage writes of some files."""
        self.files = files
        lay_out(files, self.folder / "corpus")
        corpus, texts = self.configured(self.folder / "corpus")
        assert corpus.diagnose(Quiet(), texts).problems == [], "the usual front end reads the texts"
        (self.folder / "out").mkdir()
        corpus.run({}, self.folder / "out", Quiet())
        for cut in read_cuts(self.folder / "out"):
            row = cut.supervisions[0]
            print(f"{cut.id}: {row.speaker}, {row.language}, {row.custom['emotion']}, {row.text}")

    def configured(self, root: Path) -> tuple[RecordedCorpus, TextJudge]:
        """The corpus of the option, without the speakers that it names, and what reads its texts."""
        with initialize_config_dir(str(self.conf), version_base="1.3"):
            words = [f"+corpus={self.name}", f"+frontend={usual_option('frontend', self.name)}", f"corpus.root={root}"]
            config: Any = compose(overrides=words)
        OmegaConf.update(config, "corpus.splits", {"target": [], "judge": [], "heldout": []})
        corpus, frontend = (
            instantiate(config[name], _recursive_=False, _convert_="object") for name in ("corpus", "frontend")
        )
        return corpus, TextJudge(frontend)

    def run_example(self) -> None:
        """Run the docstring's example."""
        space = {"rows_of": self.rows_of, "RECORDING": RECORDING}
        example = doctest.DocTestParser().get_doctest(self.kind.__doc__ or "", space, self.name, None, 0)
        assert example.examples, f"{self.kind.__name__}: no example in its docstring"
        said: list[str] = []
        doctest.DocTestRunner(verbose=False).run(example, out=said.append)
        assert not said, "".join(said)

    def usable(self, root: Path) -> int:
        """Rows that can be used; 0 also where the folder is refused in one line."""
        try:
            return len(self.configured(root)[0].diagnose(Quiet()).usable)
        except InputError as error:
            assert "\n" not in str(error)
            return 0

    def refuses_what_is_no_corpus(self) -> None:
        """Spoil the example in every way that a user's folder may be."""
        root = self.folder / "corpus"
        usable = self.usable(root)
        assert usable
        recording(root / "stranger.wav")
        assert self.usable(root) == usable
        for file, text in self.files.items():
            if text is not None:
                for spoiled in (b"a\tb\nc\td\n", b"\xff\xfe\xff", b"", None):
                    (root / file).unlink(missing_ok=True)
                    if spoiled is not None:
                        (root / file).write_bytes(spoiled)
                    assert self.usable(root) == 0
                (root / file).write_text(text, encoding="utf-8")
        (self.folder / "empty").mkdir()
        assert self.usable(self.folder / "nowhere") == self.usable(self.folder / "empty") == 0

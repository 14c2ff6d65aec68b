"""`python -m sovits_lab film check|strings|bake|play|serve|bench|soak|visemes STORY`: interactive films."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import InputError, got

if TYPE_CHECKING:
    from sovits_lab.dialogue.performer import Performer
    from sovits_lab.dialogue.session import StoryFilm
    from sovits_lab.dialogue.writer import LineWriter

STORY = "a folder with story.ink.json (or story.ink and ink's compiler), cast.yaml, strings.LANGUAGE.csv"
BUNDLE = "a run folder or a voice bundle"
WRITER = "an OpenAI-compatible server, or local: a small language model here (the extra writer)"


@dataclass(frozen=True)
class CheckOptions:
    """Check a story: dead ends, knots that nothing leads to, cycles without a choice, unknown people and emotions.

    Exit status 0: it can be played to its ends, 1: something is wrong, 2: the command is.
    """

    story: Path = option(STORY, bare=True)
    bundle: Path | None = option(f"{BUNDLE}, whose emotions are looked up", None, shown="the starter voice")
    states: int = option("states that are played at most", 3000, least=1, most=1_000_000)


@dataclass(frozen=True)
class StringsOptions:
    """Write or renew strings.LANGUAGE.csv: a row for each line and choice, translations kept."""

    story: Path = option(STORY, bare=True)
    language: str = option("to translate into: zh, en, ja, ko, yue", choices=("zh", "en", "ja", "ko", "yue"))


@dataclass(frozen=True)
class FilmVoiceOptions:
    """Who speaks, and where spoken lines are kept."""

    story: Path = option(STORY, bare=True)
    bundle: Path | None = option(BUNDLE, None, shown="the starter voice")
    language: str = option("that is played", "", shown="the story's own")
    cache: Path | None = option("a folder that keeps spoken lines between runs", None)


@dataclass(frozen=True)
class BakeOptions(FilmVoiceOptions):
    """Speak every line of the story into files, with times and visemes, for an engine that ships audio."""

    out: Path = option("the folder to write", Path("film"))


@dataclass(frozen=True)
class PlayOptions(FilmVoiceOptions):
    """Play a story in the terminal; `save=` writes the session, `replay=` plays one again and compares."""

    seed: int = option("of the story's chances", 0, least=0, most=2**31 - 1)
    save: Path | None = option("where the session is written at the end", None)
    replay: Path | None = option("a saved session to play again, bit for bit", None)


@dataclass(frozen=True)
class FilmServeOptions(FilmVoiceOptions):
    """Serve the player's page and the engine protocol. The key of the writer's server is FILM_WRITER_KEY."""

    host: str = option("address to listen on", "127.0.0.1")
    port: int = option("to listen on", 8765, least=0, most=65535)
    writer: str = option(f"{WRITER}, for lines that ask for one", "", shown="templates")
    model: str = option("its model", "default")
    ahead: float = option("processor time spent on what may come next, for each question", 20.0, unit="s", least=0)


@dataclass(frozen=True)
class FilmBenchOptions(FilmVoiceOptions):
    """Play turns by chance and time them: event to first sound, by part, cached and not; hit rate."""

    turns: int = option("lines to time", 200, least=1, most=100_000)
    writer: str = option(f"{WRITER}: only lines that ask for one are timed", "", shown="templates")
    model: str = option("the server's model", "default")
    seed: int = option("of the choices", 0, least=0, most=2**31 - 1)


@dataclass(frozen=True)
class SoakOptions:
    """Play a served film with many players at once: nothing crossed, lost or heard twice, memory, times."""

    story: Path = option(STORY, bare=True)
    address: str = option("of `film serve`", "http://127.0.0.1:8765")
    players: int = option("at once", 20, least=1, most=200)
    minutes: float = option("of playing", 10.0, least=0, most=10_000)
    drops: int = option("connections dropped in mid-line and resumed, at least", 50, least=0, most=1_000_000)
    seed: int = option("of choices, pauses and drops", 0, least=0, most=2**30)


@dataclass(frozen=True)
class VisemeOptions:
    """Compare mouth shapes with the true phone times of a run's corpus, on recordings that it did not train on."""

    run: Path = option("a run folder, with its stages, whose corpus has phone times (corpus=toy)", bare=True)
    count: int = option("recordings at most", 200, least=1)
    seed: int = option("of which ones", 0, least=0, most=2**31 - 1)


def main(argv: list[str]) -> int:
    """Run one of the film's commands."""
    if not argv or (wants_help(argv) and argv[0] not in VERBS):
        print("usage: python -m sovits_lab film VERB STORY|RUN key=value ...\n")
        for name, (kind, _) in VERBS.items():
            print(f"  {name:<10}{(kind.__doc__ or '').splitlines()[0]}")
        return 0
    if argv[0] not in VERBS:
        raise got("film", argv[0], f"one of {', '.join(VERBS)}")
    kind, run = VERBS[argv[0]]
    if wants_help(argv):
        print(describe(kind, f"film {argv[0]}"))
        return 0
    return run(read_options(kind, argv[1:]))


def _check(options: CheckOptions) -> int:
    from sovits_lab.dialogue.cast import load_cast
    from sovits_lab.dialogue.checking import check_story
    from sovits_lab.dialogue.compiling import compile_changed
    from sovits_lab.dialogue.story import Story
    from sovits_lab.dialogue.translations import languages_of, list_untranslated, load_strings
    from sovits_lab.inference.loading import load_voice
    from sovits_lab.inference.starter import starter_folder

    folder, source = options.story, options.story / "story.ink"
    warnings = compile_changed(folder)
    story = Story.load(folder / "story.ink.json")
    emotions = tuple(load_voice(options.bundle or starter_folder()).emotions)
    report = check_story(story, load_cast(folder), emotions, source if source.is_file() else None, options.states)
    met = report.exploration
    for fault in report.faults:
        print(f"fault   {fault}")
    for remark in [*warnings, *report.remarks]:
        print(f"remark  {remark}")
    for language in languages_of(folder):
        missing = list_untranslated(load_strings(folder, language), [*met.lines, *met.choices])
        print(f"strings {language}: {len(missing)} of {len(met.lines) + len(met.choices)} without words")
    for name, path in met.endings.items():
        print(f"ending  {name}: first by the choices {', '.join(map(str, path)) or 'none'}")
    spoken = sum(bool(line.speaker) for line in met.lines.values())
    print(
        f"{report.knots} knots, {len(met.lines)} lines ({spoken} spoken), {len(met.endings)} endings, "
        f"{met.states} states{'' if met.whole else ' (not all)'}: {len(report.faults)} faults"
    )
    return int(bool(report.faults))


def _strings(options: StringsOptions) -> int:
    from sovits_lab.dialogue.exploration import explore
    from sovits_lab.dialogue.story import Story
    from sovits_lab.dialogue.translations import write_strings

    _compile(options.story)
    met = explore(Story.load(options.story / "story.ink.json"))
    rows, left = write_strings(options.story, options.language, met)
    print(f"{options.story / f'strings.{options.language}.csv'}: {rows} rows, {left} without words")
    return 0


def _bake(options: BakeOptions) -> int:
    from sovits_lab.dialogue.baking import bake

    film, performer = _loaded(options)
    count, seconds, faults = bake(film, performer, options.language or film.cast.language, options.out)
    for fault in faults:
        print(f"fault   {fault}", file=sys.stderr)
    print(f"{options.out}: {count} lines, {seconds:.1f} s of speech, {len(faults)} faults")
    return int(bool(faults))


def _play(options: PlayOptions) -> int:
    from sovits_lab.dialogue.terminal import play, replay

    film, performer = _loaded(options)
    if options.replay is not None:
        return replay(film, performer, options.replay)
    return play(film, performer, options.seed, options.language or film.cast.language, options.save)


def _serve(options: FilmServeOptions) -> int:
    from sovits_lab.pipeline.memory import bound_prepared_kernels, set_objects_aside, share_freed_memory

    share_freed_memory()
    bound_prepared_kernels()

    import uvicorn

    from sovits_lab.dialogue.performer import Budget
    from sovits_lab.dialogue.server import FilmServer

    film, performer = _loaded(options)
    if options.language:
        film.wording(performer.actor, options.language)  # refused now, not at the first player
    performer.budget = Budget(options.ahead)
    server = FilmServer(film, performer, _writer(options, film, performer), options.language)
    host = f"[{options.host}]" if ":" in options.host else options.host
    set_objects_aside()
    print(f"{film.name}: open http://{host}:{options.port}/ (Ctrl-C ends)", flush=True)
    uvicorn.run(server.app(), host=options.host, port=options.port, log_level="warning", ws_max_size=5_000_000)
    return 0


def _bench(options: FilmBenchOptions) -> int:
    from sovits_lab.dialogue.film_bench import bench_film

    film, performer = _loaded(options)
    language, writer = options.language or film.cast.language, _writer(options, film, performer)
    for line in bench_film(film, performer, options.turns, options.seed, language, writer):
        print(line, flush=True)
    return 0


def _soak(options: SoakOptions) -> int:
    from sovits_lab.dialogue.film_soak import SoakCount, soak_film
    from sovits_lab.dialogue.session import StoryFilm

    load, count = (options.address, options.players, options.minutes, options.drops, options.seed), SoakCount()
    for line in soak_film(StoryFilm.load(options.story), *load, count):
        print(line, flush=True)
    return int(bool(count.faults))


def _visemes(options: VisemeOptions) -> int:
    from sovits_lab.dialogue.viseme_bench import bench_visemes

    for line in bench_visemes(options.run, options.count, options.seed):
        print(line, flush=True)
    return 0


def _writer(options: FilmServeOptions | FilmBenchOptions, film: StoryFilm, performer: Performer) -> LineWriter | None:
    if not options.writer:
        return None
    from sovits_lab.dialogue.model_writer import ModelServer, ModelWriter
    from sovits_lab.dialogue.writer import load_templates

    templates = load_templates(film.folder, options.language or film.cast.language)
    if options.writer == "local":
        from sovits_lab.dialogue.local_writer import LlamaModel, LocalWriter

        return LocalWriter(LlamaModel(), templates, templates.forbidden)
    server = ModelServer(options.writer, options.model, os.environ.get("FILM_WRITER_KEY", ""))
    return ModelWriter(server, performer.actor.emotions, templates, templates.forbidden)


def _compile(folder: Path) -> None:
    """Compile a story that was changed, and say so."""
    from sovits_lab.dialogue.compiling import compile_changed

    for remark in compile_changed(folder):
        print(f"remark  {remark}", file=sys.stderr)


def _loaded(options: FilmVoiceOptions) -> tuple[StoryFilm, Performer]:
    """The story and the voice; what does not fit is refused before anything is spoken."""
    from sovits_lab.checkpoints.bundle import bundle_folder
    from sovits_lab.dialogue.actor import SynthesizerActor, deal_voices
    from sovits_lab.dialogue.checking import check_story
    from sovits_lab.dialogue.performer import Performer
    from sovits_lab.dialogue.session import StoryFilm
    from sovits_lab.dialogue.speech_cache import SpeechCache
    from sovits_lab.dialogue.story import Story
    from sovits_lab.inference.starter import starter_folder
    from sovits_lab.inference.synthesizer import Synthesizer

    _compile(options.story)
    film = StoryFilm.load(options.story)
    bundle = bundle_folder(options.bundle or starter_folder())
    actor = SynthesizerActor(Synthesizer.load(bundle), bundle)
    deal_voices(film.cast, actor)
    report = check_story(Story(film.compiled, film.name), film.cast, actor.emotions)
    if report.faults:
        more = f" ({len(report.faults) - 1} more: film check)" if len(report.faults) > 1 else ""
        raise InputError(report.faults[0] + more)
    return film, Performer(actor, SpeechCache(options.cache))


VERBS: dict[str, tuple[type, Callable[..., int]]] = {
    "check": (CheckOptions, _check),
    "strings": (StringsOptions, _strings),
    "bake": (BakeOptions, _bake),
    "play": (PlayOptions, _play),
    "serve": (FilmServeOptions, _serve),
    "bench": (FilmBenchOptions, _bench),
    "soak": (SoakOptions, _soak),
    "visemes": (VisemeOptions, _visemes),
}

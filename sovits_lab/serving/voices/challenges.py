"""Sentences that whoever enrols a voice must say, drawn by the service: nobody has a recording of one beforehand.

A sentence belongs to the key that asked for it, holds for minutes, and is used once, whatever comes of it.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sovits_lab.corpora.transcripts import letter_difference
from sovits_lab.databases import opened
from sovits_lab.files import printable
from sovits_lab.types import InputError, got

SECONDS = 300.0  # that a sentence holds
MOST_OPEN = 8  # sentences of one key; the oldest goes first
TABLES = (
    """create table if not exists challenges (
    id text primary key, key_id text not null, sentence text not null, language text not null, expires real not null
) strict""",
)
FRAMES = {  # no numbers: recognisers write them in digits
    "en": "{name} {did} the {colour} {thing} {place}, but {name} {did} the {colour} {other}.",
    "zh": "{name}在{place}看见{colour}的{thing}，{name}在{place}看见{colour}的{other}。",
}
WORDS = {
    "en": {
        "colour": "blue green yellow silver golden narrow broken heavy quiet wooden frozen purple",
        "thing": "lantern basket hammer mirror garden ladder window bottle engine candle pillow curtain",
        "other": "apples tickets buttons flowers papers potatoes oranges feathers blankets hammers spoons letters",
        "place": "behind-the-church by-the-river under-the-bridge near-the-school on-the-mountain in-the-kitchen "
        "beside-the-fire across-the-road at-the-station along-the-shore in-the-forest over-the-hill",
        "name": "Mary Peter Julia Thomas Alice George Helen Victor Susan Oliver Martin Sarah",
        "did": "counted noticed painted carried forgot measured covered borrowed followed repaired watched washed",
    },
    "zh": {
        "colour": "红色 蓝色 绿色 黄色 白色 黑色 紫色 金色 银色 灰色 橙色 棕色",
        "thing": "灯笼 篮子 镜子 窗户 枕头 钥匙 杯子 箱子 雨伞 书包 蜡烛 花瓶",
        "other": "苹果 西瓜 信封 铅笔 钟表 铃铛 梯子 水壶 帽子 风筝 手套 盘子",
        "place": "教堂后面 河边 桥下 学校门口 山顶上 厨房里 火炉旁边 马路对面 火车站 海边 森林里 小镇上",
        "name": "小明 小红 王老师 李医生 张先生 陈阿姨 刘叔叔 赵奶奶 周同学 孙师傅 马校长 林姐姐",
    },
}


@dataclass(frozen=True)
class SpokenChallenge:
    """A sentence to say.

    Attributes:
        id: hard to guess.
        sentence: what must be said.
        language: of the sentence.
        expires: Unix time after which it is refused.
    """

    id: str
    sentence: str
    language: str
    expires: float


class VoiceChallenges:
    """Draws sentences and takes them back, in one SQLite file, for several threads and gateways at once.

    Args:
        path: of the file.
        clock: Unix time in seconds.
    """

    def __init__(self, path: Path | str, clock: Callable[[], float] = time.time) -> None:
        self.path, self.clock = Path(path), clock

    def draw(self, key_id: str, language: str) -> SpokenChallenge:
        """Draw a sentence for a key.

        Raises:
            InputError: a language without sentences.
        """
        known = [name for name in FRAMES if name != "zh" or find_spec("pypinyin")]
        if language not in known:
            raise got("challenge, language", printable(language)[:40], f"one of {', '.join(known)}")
        made = SpokenChallenge(secrets.token_urlsafe(12), drawn_sentence(language), language, self.clock() + SECONDS)
        with opened(self.path, "challenges", TABLES) as base:
            base.execute(
                "delete from challenges where expires < ? or id in (select id from challenges where key_id = ? "
                "order by expires desc limit -1 offset ?)",
                (self.clock(), key_id, MOST_OPEN - 1),
            )
            base.execute(
                "insert into challenges (id, key_id, sentence, language, expires) values (?, ?, ?, ?, ?)",
                (made.id, key_id, made.sentence, made.language, made.expires),
            )
        return made

    def take(self, key_id: str, challenge_id: str) -> SpokenChallenge:
        """Return the sentence that was drawn for a key; it cannot be taken again.

        Raises:
            InputError: it was never drawn for this key, was taken before, or has expired.
        """
        with opened(self.path, "challenges", TABLES) as base:
            row = base.execute(
                "delete from challenges where id = ? and key_id = ? returning id, sentence, language, expires",
                (challenge_id, key_id),
            ).fetchone()
        if row is None or row[3] < self.clock():
            raise InputError(
                f"challenge_id: got {printable(challenge_id)[:40]!r}, expected the id of a sentence that was drawn for "
                f"this key less than {SECONDS / 60:g} minutes ago and not used yet; draw another"
            )
        return SpokenChallenge(*row)


def words_differ(sentence: str, transcript: str, language: str) -> float:
    """Return how many letters differ, as a share; Chinese is compared by its sounds, in whichever characters."""
    if language == "zh":
        from pypinyin import lazy_pinyin

        sentence, transcript = ("".join(lazy_pinyin(one)) for one in (sentence, transcript))
    return letter_difference(sentence, transcript)


def drawn_sentence(language: str) -> str:
    """Return a sentence of common words, one of many millions."""
    words = WORDS[language]

    def drawn(match: re.Match[str]) -> str:
        return secrets.choice(words[match[1]].split()).replace("-", " ")

    return re.sub(r"\{(\w+)\}", drawn, FRAMES[language])

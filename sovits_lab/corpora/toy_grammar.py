"""Short English sentences from templates: plenty of them, all different, the same for the same seed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from sovits_lab.corpora.sentences import filled_frames, first_different, word_decks

MOST = 20_000  # sentences
TEMPLATES = (
    "The {adjective} {person} {took} the {thing} {place}.",
    "{name} {took} {number} {adjective} {things} {time}.",
    "I {hope} the {person} never {took} my {adjective} {thing}.",
    "Where did {name} put the {adjective} {thing} {time}?",
    "{time}, the {animal} {moved} {place}.",
    "Please bring {number} {things} and a {thing} {place}.",
    "My {person} {hope} that the {animal} {moved} away.",
    "There was a {adjective} {animal} {place}, and {name} saw it.",
    "We should {do} the {thing} before the {person} comes.",
    "If you {do} that {thing}, the {person} will be {feeling}.",
    "{name} and the {person} were {feeling} {time}.",
    "Nobody could {do} the {adjective} {things} {place}.",
    "When the {animal} {moved}, {name} felt {feeling}.",
    "It was too {adjective} to {do} the {thing} {time}.",
    "The {person} with the {adjective} {thing} {moved} {place}.",
    "Did your {person} really {do} {number} {things}?",
)
WORDS = {
    "adjective": "little old green heavy broken yellow quiet cheap golden wooden narrow dirty strange pretty huge "
    "smooth brown empty frozen sharp tiny bright rough purple simple famous modern useful",
    "person": "brother teacher doctor neighbour farmer sister captain painter baker singer uncle lawyer mother father "
    "daughter soldier student judge pilot cousin nurse child",
    "animal": "horse dog spider chicken bear fox rabbit goose cow tiger mouse whale eagle donkey frog sheep turtle "
    "wolf",
    "thing": "box chair letter window basket bottle hammer ring shirt table book clock garden picture bridge engine "
    "cake pillow candle jacket ladder mirror coin shoe boat watch pencil drum",
    "things": "boxes chairs letters apples stones bottles oranges tickets knives flowers papers buttons cups potatoes "
    "ships towels brushes eggs keys leaves bags wheels peaches spoons",
    "took": "carried bought found washed lost painted sold hid dropped stole kept fixed measured borrowed noticed "
    "threw pulled chose covered opened",
    "do": "carry finish open clean measure hide repair choose paint understand follow touch watch enjoy burn change "
    "move throw forget describe",
    "moved": "walked jumped ran vanished returned slept waited climbed turned stood shouted laughed stayed travelled",
    "hope": "hoped thought knew believed guessed said dreamed feared swore promised",
    "feeling": "angry happy tired afraid lonely proud jealous calm thirsty hungry ashamed careful lucky nervous",
    "number": "two three four five six seven eight nine ten eleven twelve twenty thirty",
    "name": "Mary Peter Julia Thomas Alice George Helen Victor Susan Oliver Emma Joseph Ruth Charlie Nathan Zoe "
    "Hugh Sheila",
    "place|": "by the river|near the school|under the bridge|behind the church|in the kitchen|on the beach|"
    "at the station|across the road|inside the tower|over the hill|beside the fire|through the forest|along the shore|"
    "between the houses|at the zoo",
    "time|": "this morning|yesterday|last summer|every Sunday|before lunch|after the game|at midnight|in the evening|"
    "on Thursday|two weeks ago|all day long|without a reason|later that year|once again",
}


def sentences(count: int, seed: int) -> list[str]:
    """Return `count` different sentences; a longer list begins with the shorter one of the same seed.

    Raises:
        InputError: more than `MOST`.
    """
    return first_different(count, _draw(np.random.default_rng([seed, 0x70F])), MOST)


def _draw(generator: np.random.Generator) -> Iterator[str]:
    for text in filled_frames(TEMPLATES, word_decks(WORDS), generator):
        written = re.sub(r"\b([Aa]) (?=[aeiou])(?!use)", r"\1n ", text)
        yield written[0].upper() + written[1:]

"""English: numbers, dates, money, acronyms, homographs, words outside the dictionary."""

from __future__ import annotations

import pytest

from sovits_lab.text.english import misaki, pronounce, rules
from sovits_lab.text.english.language import English
from sovits_lab.text.english.numbers import cardinal, ordinal, year
from sovits_lab.text.frontend import EnglishFrontend
from sovits_lab.text.traced import Traced

WORDS = {
    "on 12/25/2023": "on December twenty-fifth, twenty twenty-three",
    "at 3:30 PM": "at three thirty P M",
    "at 10:00": "at ten o'clock",
    "costs $5.99 or €10": "costs five dollars and ninety-nine cents or ten euros",
    "$2.5 million": "two point five million dollars",
    "1,234,567 people": "one million two hundred thirty-four thousand five hundred sixty-seven people",
    "in the 1990s": "in the nineteen nineties",
    "call 555-1234": "call five five five, one two three four",
    "5kg and 60 km/h": "five kilograms and sixty kilometers per hour",
    "1 km": "one kilometer",
    "3/4 cup": "three quarters of a cup",
    "Dr. Smith, 5 Main St.": "Doctor Smith, five Main Street.",
    "St. John": "Saint John",
    "john.doe@mail.com": "john dot doe at mail dot com",
    "https://www.a.org/b_c": "W W W dot A dot org slash B underscore C",
    "snake_case": "snake case",
    "Henry VIII": "Henry the eighth",
    "Chapter IV": "Chapter four",
    "10-12 apples": "ten to twelve apples",
    "2019-2021": "twenty nineteen to twenty twenty-one",
    "-5 degrees": "minus five degrees",
    "v1.2.3": "v one point two point three",
    "the U.S. Army": "the U S Army",
    "Café": "Café",
    "007": "zero zero seven",
    "x = y + 2": "x equals y plus two",
    "1:30:45": "one thirty and forty-five seconds",
    "on 3 Jan 2020": "on the third of January twenty twenty",
    "5'10\" tall": "five foot ten tall",
    "24/7": "twenty-four seven",
    "C# and x²": "C sharp and x squared",
    "1,842 votes, 2,015 homes": "one thousand eight hundred forty-two votes, two thousand fifteen homes",
    "the 1950 copies": "the nineteen fifty copies",
    "we sold 1950 copies in 1950": "we sold one thousand nine hundred fifty copies in nineteen fifty",
    "1/2 tsp": "half a teaspoon",
    "1/3 in the UK": "one third in the UK",
    "he earns 60-70k a year": "he earns sixty to seventy thousand a year",
    "It's 5°C outside.": "It's five degrees Celsius outside.",
    "a 5°C increase": "a five degree Celsius increase",
    "it took 20s, in his 20s": "it took twenty seconds, in his twenties",
    "a list for 80s and 90s fans": "a list for eighties and nineties fans",
    "She took Chem 101.": "She took Chem one oh one.",
    "he's 35 y/o": "he's thirty-five years old",
    "3/4 in plywood": "three quarters of an inch plywood",
    "5+ yrs w/ SQL": "five plus years with SQL",
    "my ID is lily_2008": "my ID is lily underscore two zero zero eight",
    "1-800-273-8255": "one, eight hundred, two seven three, eight two five five",
    "2 1/2 cups, 2½ cups": "two and a half cups, two and a half cups",
    "3/4 of it": "three quarters of it",
    "a 1/4-inch gap": "a quarter inch gap",
    "4.7/5 and 8/10": "four point seven out of five and eight out of ten",
    "it ends at 10:05 PM. Your bus": "it ends at ten oh five P M. Your bus",
    "at 9 p.m. EST": "at nine P M EST",
    "at 9 p.m. Monday": "at nine P M Monday",
    "at 6 a.m. Gyms open": "at six A M. Gyms open",
    "Acme Inc. said": "Acme Incorporated said",
    "at Acme Inc. He left": "at Acme Incorporated. He left",
    "the U.S. Navy left the U.S. It": "the U S Navy left the U S. It",
    "in St. Paul on Main St. The": "in Saint Paul on Main Street. The",
    "Ask Dr Lee on Oak Dr.": "Ask Doctor Lee on Oak Drive.",
    "$.50-9 each": "zero point five zero to nine dollars each",
    "75¢, Dr Who said.": "seventy-five cents, Doctor Who said.",
    "Dr No and Dr Who.": "Doctor No and Doctor Who.",
    "Ms. Bennet": "Miz Bennet",
    "a $1.9 trillion bill": "a one point nine trillion dollar bill",
    "it cost $2 million yesterday": "it cost two million dollars yesterday",
    "a $5 bill for $5": "a five dollar bill for five dollars",
    "1.1M people, over 10K": "one point one million people, over ten thousand",
    "a 10K race on a 4K TV": "a ten K race on a four K TV",
    'a 55" TV': "a fifty-five inch TV",
    'a 3/4" bolt': "a three quarters inch bolt",
    "12 x 8 in": "twelve by eight inches",
    "3 x 5 = 15": "three times five equals fifteen",
    "5€, 50¢, 2,50€": "five euros, fifty cents, two euros and fifty cents",
    "$10-15": "ten to fifteen dollars",
    "$5/month": "five dollars per month",
    "9/11 and 24/7": "nine eleven and twenty-four seven",
    "on 17/04": "on the seventeenth of April",
    "on 3/15": "on March fifteenth",
    "25/12/2023": "December twenty-fifth, twenty twenty-three",
    "the 1300 555 019 line": "the one three zero zero, five five five, zero one nine line",
    "my PIN is 4821": "my PIN is four eight two one",
    "9am-5pm, 10-11 a.m.": "nine A M to five P M, ten to eleven A M.",
    "Rocky IV and Henry IV": "Rocky four and Henry the fourth",
    "tea w/ milk, w/o sugar": "tea with milk, without sugar",
    "a 1/8 in. bit": "a one eighth inch bit",
    "she's 5'2 and he's 6'": "she's five foot two and he's six feet",
    "an A- in math": "an A minus in math",
    "Mon-Fri, a 50-50 chance": "Monday to Friday, a fifty fifty chance",
    "120/80": "one hundred twenty over eighty",
}


@pytest.mark.parametrize(("written", "said"), WORDS.items())
def test_written_to_said(written: str, said: str) -> None:
    assert rules.normalise(Traced.of(written)).text.strip() == said


def test_number_words() -> None:
    assert cardinal(1234) == "one thousand two hundred thirty-four"
    assert ordinal(21) == "twenty-first" and ordinal(12) == "twelfth" and ordinal(30) == "thirtieth"
    assert year(1905) == "nineteen oh five" and year(2005) == "two thousand five" and year(1900) == "nineteen hundred"


@pytest.fixture(scope="module")
def english() -> English:
    return English()


def phones(english: English, text: str) -> str:
    return " ".join(phone for unit in english.read_piece(Traced.of(text)).units for phone in unit.phones)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I read a book yesterday", "AY1 R EH1 D AH0 B UH1 K Y EH1 S T ER0 D EY2"),
        ("I will read", "AY1 W IH1 L R IY1 D"),
        ("to record a record", "T UW1 R IH0 K AO1 R D AH0 R EH1 K ER0 D"),
        ("we live here", "W IY1 L IH1 V HH IY1 R"),
        ("a live show", "AH0 L AY1 V SH OW1"),
        ("the wind", "DH AH0 W IH1 N D"),
        ("tears in her eyes", "T IH1 R Z IH0 N HH ER1 AY1 Z"),
        ("live music", "L AY1 V M Y UW1 Z IH0 K"),
        ("COVID", "K OW1 V IH0 D"),
        ("I used to object", "AY1 Y UW1 S T T UW1 AH0 B JH EH1 K T"),
        ("the apple", "DH IY0 AE1 P AH0 L"),
        ("NASA", "N AE1 S AH0"),
        ("FBI", "EH1 F B IY1 AY1"),
        ("the US", "DH AH0 Y UW1 EH1 S"),
        ("OpenAI's", "OW1 P AH0 N EY1 AY1 Z"),
        ("XMPP", "EH1 K S EH1 M P IY1 P IY1"),
        ("shouldn't've", "SH UH1 D AH0 N T AH0 V"),
        ("A cat", "AH0 K AE1 T"),
        ("They lead the race", "DH EY1 L IY1 D DH AH0 R EY1 S"),
        ("made of lead", "M EY1 D AH1 V L EH1 D"),
        ("the wound is deep", "DH AH0 W UW1 N D IH1 Z D IY1 P"),
        ("he wound the clock", "HH IY1 W AW1 N D DH AH0 K L AA1 K"),
        ("an invalid code", "AE1 N IH0 N V AE1 L AH0 D K OW1 D"),
        ("I learned it", "AY1 L ER1 N D IH1 T"),
        ("a bass guitar", "AH0 B EY1 S G IH0 T AA1 R"),
        ("we are now live", "W IY1 AA1 R N AW1 L AY1 V"),
        ("Polish food", "P OW1 L IH0 SH F UW1 D"),
        ("polish it", "P AA1 L IH0 SH IH1 T"),
        ("the tool is used to cut", "DH AH0 T UW1 L IH1 Z Y UW1 Z D T UW1 K AH1 T"),
        ("his knee wound hurts", "HH IH1 Z N IY1 W UW1 N D HH ER1 T S"),
        ("They read daily. I read it yesterday", "DH EY1 R IY1 D D EY1 L IY0 . AY1 R EH1 D IH1 T Y EH1 S T ER0 D EY2"),
        ("CEOs", "S IY1 IY1 OW1 Z"),
        ("PINs", "P IH1 N Z"),
        ("a SIM card", "AH0 S IH1 M K AA1 R D"),
        ("turn it ON", "T ER1 N IH1 T AA1 N"),
        ("the WHO", "DH AH0 D AH1 B AH0 L Y UW0 EY1 CH OW1"),
        ("work in IT", "W ER1 K IH0 N AY1 T IY1"),
        ("scrawlings", "S K R AO1 L IH0 NG Z"),
        ("unfriended", "AH2 N F R EH1 N D IH0 D"),
        ("rewatched", "R IY0 W AA1 CH T"),
    ],
)
def test_words_to_phones(english: English, text: str, expected: str) -> None:
    assert phones(english, text) == expected


def test_shouting_is_not_an_acronym(english: English) -> None:
    assert phones(english, "THIS IS US") == "DH IH1 S IH1 Z AH1 S"


def test_a_word_nobody_knows_is_spelled_by_the_network(english: English) -> None:
    assert phones(english, "zorblaxian").startswith("Z ")


@pytest.mark.parametrize(
    "text",
    [
        "I told John I wanted to leave.",
        "He promised Mary I never lied.",
        "John'll be there soon.",
        "Go from a to b in an hour.",
        "It is equal to b when nothing is added.",
        "The children've gone home.",
        "Let r be the radius.",
        "mm, that is good.",
        "Nobody works for IEEE here.",
    ],
)
def test_rules_of_chat_rulers_and_units_leave_ordinary_sentences_alone(text: str) -> None:
    assert EnglishFrontend().read(text, "en").normalised == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("In 300 BC it fell.", "In three hundred BC it fell."),
        ("The path is /usr/share.", "The path is slash usr slash share."),
        (
            "It is at 192.168.100.200 now.",
            "one hundred ninety-two point one hundred sixty-eight point one hundred point",
        ),
        ("There are 1.234.567 of them.", "one million two hundred thirty-four thousand five hundred sixty-seven"),
        ("It costs USD 1250.", "It costs one thousand two hundred fifty US dollars."),
        ("A fee of $10/head.", "ten dollars per head"),
        ("When Elizabeth I died, he left.", "When Elizabeth the first died,"),
        ("Queen Mary I ruled.", "Queen Mary the first ruled."),
        ("We had fish 'n' chips.", "We had fish and chips."),
        ("It returns 'line' or 'polygon' or none.", "or polygon' or none"),
        ("It was sooo good, thx!", "It was so good, thanks!"),
        ("I want to b there by noon.", "I want to be there by noon."),
    ],
)
def test_what_those_rules_are_for(text: str, said: str) -> None:
    assert said in EnglishFrontend().read(text, "en").normalised


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("The bass player caught a huge bass in the lake.", "bass", ("B EY1 S", "B AE1 S")),
        ("The farmer can produce more produce this year.", "produce", ("P R AH0 D UW1 S", "P R OW1 D UW0 S")),
        ("Record it before the band records again.", "records", ("R IH0 K AO1 R D Z",)),
        ("Old vinyl records in the attic.", "records", ("R EH1 K ER0 D Z",)),
        ("Dentists extract teeth.", "extract", ("IH0 K S T R AE1 K T",)),
        ("Roads wind through the hills.", "wind", ("W AY1 N D",)),
        ("We read three books a month.", "read", ("R IY1 D",)),
        ("We read three books last month.", "read", ("R EH1 D",)),
        ("The tests found lead in the water.", "lead", ("L EH1 D",)),
        ("They had a terrible row last night.", "row", ("R AW1",)),
        ("We sat in the front row.", "row", ("R OW1",)),
        ("He will address the crowd.", "address", ("AH0 D R EH1 S",)),
        ("We drank sake in Kyoto.", "sake", ("S AA1 K IY0",)),
        ("For heaven's sake, drink it hot.", "sake", ("S EY1 K",)),
        ("His mother was an invalid.", "invalid", ("IH1 N V AH0 L AH0 D",)),
    ],
)
def test_sound_by_use(english: English, text: str, word: str, expected: tuple[str, ...]) -> None:
    """The same spelling is said by its part of speech and its neighbours."""
    units = english.read_piece(Traced.of(text)).units
    assert tuple(" ".join(unit.phones) for unit in units if unit.text.lower() == word) == expected


def test_words_of_the_larger_dictionary(english: English) -> None:
    """Words that the CMU dictionary lacks are looked up before they are guessed, by themselves and with an ending."""
    pytest.importorskip("misaki")
    assert phones(english, "duvet") == "D UW2 V EY1"
    assert phones(english, "dragonflies") == "D R AE1 G AH0 N F L AY2 Z"
    assert phones(english, "barcode") == "B AA1 R K OW2 D"
    assert phones(english, "Phuket") == "P UW2 K EH1 T"
    assert misaki.checked("qwrtz") is None
    assert misaki.arpabet("x") is None


@pytest.mark.parametrize("word", ["MMXX" * 500, "X" * 2000, "AB" * 1000])
def test_no_words_are_looked_for_in_thousands_of_capitals(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """That took ten seconds, or ended in a RecursionError, so a service answered 500."""
    asked: list[int] = []

    class Segmenter:
        def segment(self, text: str) -> list[str]:
            asked.append(len(text))
            return [text]

    monkeypatch.setattr(pronounce, "_segmenter", Segmenter)
    assert EnglishFrontend().read(f"Yes. {word}", "en").phones
    assert all(length <= 60 for length in asked)

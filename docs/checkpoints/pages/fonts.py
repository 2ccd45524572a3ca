"""Fonts by script, and words for them: letters drawn by chance, for only their shapes matter."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

# Letters by script; a letter that stands twice comes twice as often.
LETTERS = {
    "latin": "eeeeeeeeeeeettttttttaaaaaaaooooooiiiiiinnnnnnsssssshhhhhrrrrrddddllllccuummmwwffggyyppbbvk",
    "accented": "eeeeeeaaaaaiiiiinnnnnrrrrrssssstttttuuulllddoooémèüößäñçãâêîłńőčžšåø",
    "cyrillic": "оооооооееееееааааааиииииннннттттссссррррввввлллккккмммдддпппууяяыызбгчйхжшюцщэф",
    "greek": "αααααοοοοιιιιεεεετττσσσνννηηυυρρππκκλλμμςωωδγθχφβξζψάέήίό",
    "hebrew": "אבגדהוזחטיכלמנסעפצקרשתםןהויליר",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهويااللمنوي",
    "devanagari": "कखगघचछजझटठडढणतथदधनपफबभमयरलवशषसहअआइई",
    "thai": "กขคงจฉชซญดตถทธนบปผพฟมยรลวสหอาะเแโไ",
    "bengali": "কখগঘচছজঝটঠডঢণতথদধনপফবভমযরলশষসহ",
    "armenian": "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ",
    "georgian": "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
    "han": (
        "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后"
        "小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长"
        "知民样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最"
        "间新什打便位因重被走电四第门相次东政海口使教西再平真听世气信北少关并内加化由却代军产入先山五太水万市"
    ),
    "kana": (
        "いうのにしたてとるなかをがでれらはもすこきあくりまさおえけよどつそめだみせわちねやほろばひごふじびょ"
        "ゅアイウエオカキクケコサシスセソタチツテト日本人大年会国"
    ),
    "hangul": "가나다라마바사아자차카타파하이그는을를의에서고지도한해시기니인어리로자대전정부사장수일상보구제조",
}
# Scripts that stand without spaces between words.
UNSPACED = {"han", "kana", "thai"}
# How much more often than the others, which have OTHERS_SHARE each.
SCRIPT_SHARES = {"latin": 9.0, "accented": 3.0, "cyrillic": 2.5, "greek": 1.5, "han": 2.0, "kana": 1.0, "arabic": 1.5}
OTHERS_SHARE = 0.6
# Files whose names begin so are never trained on.
HELD_OUT = (
    *("Liberation", "EBGaramond", "Lato", "Courier Prime", "Junicode", "VL-", "Un"),
    *("NotoSerif", "NotoNaskh", "NotoSansThai"),
)
_MISSING = "\U0010fffe"


@dataclass(frozen=True)
class Face:
    """One font file that has the letters of *script*."""

    path: Path
    script: str

    def at(self, size: int) -> ImageFont.FreeTypeFont:
        """The font at *size* pixels."""
        return _opened(self.path, size)


@lru_cache(maxsize=512)
def _opened(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size)


def find_faces(directory: Path) -> list[Face]:
    """Every face below *directory*, once for each script that it has."""
    paths = sorted(path for path in directory.rglob("*") if path.suffix.lower() in {".ttf", ".otf", ".ttc"})
    faces = [Face(path, script) for path in paths for script in LETTERS if _has(path, script)]
    if not faces:
        sys.exit(f"{directory}: no font with any of the scripts here; see README.md for packages with fonts")
    return faces


def split_faces(faces: Sequence[Face]) -> tuple[list[Face], list[Face]]:
    """The faces to train on, and those held out to measure with."""
    held = [face.path.stem.startswith(HELD_OUT) for face in faces]
    trained = [face for face, out in zip(faces, held, strict=True) if not out]
    return trained, [face for face, out in zip(faces, held, strict=True) if out]


def _family(face: Face) -> str:
    """Faces of one directory are one family, but for Noto, which keeps all of its many in one."""
    directory = face.path.parent.name
    return face.path.stem.split("-")[0] if directory == "noto" else directory


def _has(path: Path, script: str) -> bool:
    """Whether the font draws some letters of *script*, and each one differently."""
    try:
        font = _opened(path, 24)
        letters = sorted(set(LETTERS[script]))[::7][:6]
        shapes = {bytes(font.getmask(letter)) for letter in letters}
        return len(shapes) == len(letters) and bytes(font.getmask(_MISSING)) not in shapes and b"" not in shapes
    except OSError:
        return False


def pick_face(rng: np.random.Generator, faces: Sequence[Face]) -> Face:
    """A face: first a script by its share, then a family, then one of its styles."""
    scripts = sorted({face.script for face in faces})
    shares = np.array([SCRIPT_SHARES.get(script, OTHERS_SHARE) for script in scripts])
    script = scripts[int(rng.choice(len(scripts), p=shares / shares.sum()))]
    mine = [face for face in faces if face.script == script]
    families = sorted({_family(face) for face in mine})
    family = families[int(rng.integers(len(families)))]
    styles = [face for face in mine if _family(face) == family]
    return styles[int(rng.integers(len(styles)))]


def word(rng: np.random.Generator, script: str) -> str:
    """One word, number or abbreviation."""
    if rng.random() < 0.05:
        return str(rng.integers(1, 10 ** int(rng.integers(1, 6))))
    letters = LETTERS[script]
    length = int(np.clip(rng.poisson(4.6), 1, 13))
    text = "".join(letters[int(place)] for place in rng.integers(len(letters), size=length))
    kind = rng.random()
    if kind < 0.12:
        text = text.capitalize()
    elif kind < 0.15:
        text = text.upper()
    return text + ("," if kind > 0.93 else "." if kind > 0.86 else "")


@dataclass(frozen=True)
class Word:
    """A word that has been drawn once: what it covers, to be pasted where the word stands, and how far it takes one."""

    cover: Image.Image
    length: float


class Lexicon:
    """Some words of one face at one size; a page is set from these, for drawing each word anew takes long."""

    COUNT = 60

    def __init__(self, rng: np.random.Generator, face: Face, size: int) -> None:
        font = face.at(size)
        self.words = [_drawn(font, word(rng, face.script), size) for _ in range(self.COUNT)]
        self.gap = 0.0 if face.script in UNSPACED else font.getlength(" ")

    def line(self, rng: np.random.Generator, width: float) -> list[Word]:
        """Words that fill about *width* pixels and not more, but one word at the least."""
        line: list[Word] = []
        left = width
        while True:
            following = self.words[int(rng.integers(len(self.words)))]
            left -= following.length
            if line and left < 0:
                return line
            line.append(following)
            left -= self.gap


def _drawn(font: ImageFont.FreeTypeFont, text: str, size: int) -> Word:
    length = font.getlength(text)
    cover = Image.new("L", (max(1, round(length + size * 0.3)), max(1, round(size * 1.6))), 0)
    ImageDraw.Draw(cover).text((0, 0), text, 255, font)
    return Word(cover, length)

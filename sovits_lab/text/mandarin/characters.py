"""Character level: full width to half width, traditional to simplified."""

from __future__ import annotations

import re
import string
from functools import cache

from sovits_lab.text.tables import words

HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
HALF_WIDTH = {ord(char) + 0xFEE0: char for char in string.ascii_letters + string.digits}
HALF_WIDTH_SIGNS = {ord(char) + 0xFEE0: char for char in "#$%&*+-/<=>@^_`|~"} | {0x3000: " ", 0x2212: "-", 0x00A0: " "}
IS_HAN = re.compile(f"[{HAN}]")


@cache
def simplified() -> dict[int, str]:
    """Map traditional to simplified, one character for one; from the OpenCC tables (Apache-2.0) in wetext."""
    return {ord(pair[0]): pair[1] for pair in words("traditional.txt")}

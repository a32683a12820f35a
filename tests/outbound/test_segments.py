"""How many SMS a text becomes: what the service's bill will say."""

from hypothesis import given, strategies as st
import pytest

from custom_components.smsmobileapi.outbound.segments import Alphabet, Segments, count_segments

# GSM 03.38's default alphabet in the order of its codes; the escape is what leads to the second table.
ESCAPE = "\x1b"
TABLE = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
SECOND = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|",
          0x65: "€"}  # fmt: skip
CODES = {char: bytes([code]) for code, char in enumerate(TABLE) if char != ESCAPE} | {
    char: bytes([TABLE.index(ESCAPE), code]) for code, char in SECOND.items()
}

gsm_texts = st.text(st.sampled_from(sorted(CODES)), max_size=700)
gsm_border_texts = st.text(st.sampled_from("a€^"), min_size=70, max_size=700)
ucs_border_texts = st.text(st.sampled_from("aő😀"), min_size=30, max_size=300)
any_texts = gsm_texts | gsm_border_texts | ucs_border_texts | st.text(max_size=300)


def split_septets(text: str) -> list[bytes]:
    """Encode a text and cut it as a phone does: not behind an escape."""
    left = b"".join(CODES[char] for char in text)
    if len(left) <= 160:
        return [left]
    parts = []
    while left:
        cut = 152 if len(left) > 153 and left[152] == TABLE.index(ESCAPE) else 153
        parts.append(left[:cut])
        left = left[cut:]
    return parts


def split_units(text: str) -> list[bytes]:
    """Encode a text and cut it as a phone does: not behind the first half of a surrogate pair."""
    left = text.encode("utf-16-be", "surrogatepass")
    if len(left) <= 140:
        return [left]
    parts = []
    while left:
        cut = 132 if len(left) > 134 and 0xD8 <= left[132] <= 0xDB else 134
        parts.append(left[:cut])
        left = left[cut:]
    return parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("", 1, id="empty"),
        pytest.param("a" * 160, 1, id="160 septets"),
        pytest.param("a" * 161, 2, id="161 septets"),
        pytest.param("a" * 306, 2, id="two full parts"),
        pytest.param("a" * 307, 3, id="one more than two full parts"),
        pytest.param("a" * 158 + "€", 1, id="an extension character that fits"),
        pytest.param("a" * 159 + "€", 2, id="an extension character makes it two"),
        pytest.param("a" * 152 + "€" + "a" * 152, 3, id="€ is not split over two parts"),
        pytest.param("a" * 151 + "€" + "a" * 153, 2, id="€ at the end of a part"),
        pytest.param("a" * 152 + "^" + "a" * 151, 2, id="^ goes to the second part whole"),
        pytest.param("€" * 80, 1, id="80 times €"),
        pytest.param("€" * 81, 2, id="81 times €"),
        pytest.param("€" * 152, 2, id="76 in each part, the last septet stays empty"),
        pytest.param("€" * 153, 3, id="which shows here"),
        pytest.param("\n" * 160, 1, id="a line feed is one"),
        pytest.param("\r\n" * 80, 1, id="a carriage return is one more"),
        pytest.param("\r\n" * 80 + "\n", 2, id="line breaks as the text has them"),
    ],
)
def test_gsm_7(text: str, parts: int) -> None:
    assert count_segments(text) == Segments(parts=parts, alphabet=Alphabet.GSM_7, forced_by=None)


@pytest.mark.parametrize(
    ("text", "parts", "forced_by"),
    [
        pytest.param("ő" * 70, 1, "ő", id="70 units"),
        pytest.param("ő" * 71, 2, "ő", id="71 units"),
        pytest.param("Ç" * 69 + "ç", 1, "ç", id="ç is not in GSM-7, Ç is"),
        pytest.param("ő" * 134, 2, "ő", id="two full parts"),
        pytest.param("ő" * 135, 3, "ő", id="one more than two full parts"),
        pytest.param("😀" * 35, 1, "😀", id="an emoji is two units"),
        pytest.param("😀" * 35 + "a", 2, "😀", id="35 emojis and a letter"),
        pytest.param("ő" * 66 + "😀" + "ő" * 66, 3, "ő", id="an emoji is not split over two parts"),
        pytest.param("ő" * 65 + "😀" + "ő" * 67, 2, "ő", id="an emoji at the end of a part"),
        pytest.param("€" * 71 + "ő", 2, "ő", id="€ is one unit here"),
        pytest.param("Let's go – now", 1, "–", id="a dash"),
        pytest.param("first “this”, then ő", 1, "“", id="the first is named"),
        pytest.param("a\u00a0b", 1, "\u00a0", id="a space that does not break"),
        pytest.param("`", 1, "`", id="a backtick"),
        pytest.param("\t", 1, "\t", id="a tabulator"),
        pytest.param("\x1b", 1, "\x1b", id="the escape itself is no character"),
        pytest.param("\ud83d" * 71, 2, "\ud83d", id="half an emoji"),
    ],
)
def test_ucs_2(text: str, parts: int, forced_by: str) -> None:
    assert count_segments(text) == Segments(parts=parts, alphabet=Alphabet.UCS_2, forced_by=forced_by)


def test_the_names_that_a_response_shows() -> None:
    assert [str(alphabet) for alphabet in Alphabet] == ["GSM-7", "UCS-2"]


def test_the_whole_alphabet_is_known() -> None:
    """GSM 03.38 has 127 characters and 10 more; any other of the first plane is none of it."""
    first_plane = {chr(code) for code in range(0x10000)}
    assert {char for char in first_plane if count_segments(char).forced_by is None} == CODES.keys()
    assert len(CODES) == 137


@given(gsm_texts | gsm_border_texts)
def test_gsm_7_is_cut_as_a_phone_cuts_it(text: str) -> None:
    assert count_segments(text).parts == len(split_septets(text))


@given(ucs_border_texts | st.text(min_size=1, max_size=300))
def test_ucs_2_is_cut_as_a_phone_cuts_it(text: str) -> None:
    text += "ő"
    assert count_segments(text).parts == len(split_units(text))


@given(gsm_texts, st.characters(), any_texts)
def test_the_first_foreign_character_forces_all(before: str, char: str, after: str) -> None:
    segments = count_segments(before + char + after)
    if char not in CODES:
        assert (segments.alphabet, segments.forced_by) == (Alphabet.UCS_2, char)


@given(any_texts, any_texts)
def test_more_text_is_never_fewer_parts(text: str, more: str) -> None:
    assert count_segments(text + more).parts >= count_segments(text).parts

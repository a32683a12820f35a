"""How many SMS a text becomes, which is what the service charges for."""

from hypothesis import HealthCheck, given, settings, strategies as st

from custom_components.smsmobileapi.outbound.segments import Alphabet, Segments, count_segments

# GSM 03.38's default alphabet in the order of its codes, with the escape that leads to the second table.
TABLE = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPE = TABLE.index("\x1b")
SECOND = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|",
          0x65: "€"}  # fmt: skip
CODES = {char: bytes([code]) for code, char in enumerate(TABLE) if code != ESCAPE} | {
    char: bytes([ESCAPE, code]) for code, char in SECOND.items()
}

gsm_texts = st.text(sorted(CODES), max_size=700) | st.text("a€^", min_size=70, max_size=700)
ucs_texts = st.text("aő😀", min_size=30, max_size=300) | st.text(max_size=300)


def count_parts(text: str) -> int:
    """Encode a text and cut it as a phone does: not behind an escape, and no surrogate pair in two."""
    is_gsm = CODES.keys() >= {*text}
    data = b"".join(CODES[char] for char in text) if is_gsm else text.encode("utf-16-be", "surrogatepass")
    single, size, unit = (160, 153, 1) if is_gsm else (140, 134, 2)
    if len(data) <= single:
        return 1
    parts = 0
    while data:
        last = data[size - unit] if len(data) > size else 0
        keeps = last == ESCAPE if is_gsm else 0xD8 <= last <= 0xDB
        data = data[size - unit if keeps else size :]
        parts += 1
    return parts


def test_the_borders_between_parts() -> None:
    for text, parts in (
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 158 + "€", 1),
        ("a" * 159 + "€", 2),
        ("a" * 152 + "€" + "a" * 152, 3),  # € goes to the second part whole
        ("a" * 151 + "€" + "a" * 153, 2),
        ("a" * 152 + "^" + "a" * 151, 2),
        ("€" * 152, 2),  # 76 in each part, the last septet stays empty
        ("€" * 153, 3),
        ("\r\n" * 80, 1),
        ("\r\n" * 80 + "\n", 2),
        ("ő" * 70, 1),
        ("ő" * 71, 2),
        ("Ç" * 69 + "ç", 1),
        ("ő" * 134, 2),
        ("ő" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 35 + "a", 2),
        ("ő" * 66 + "😀" + "ő" * 66, 3),  # an emoji goes to the second part whole
        ("ő" * 65 + "😀" + "ő" * 67, 2),
        ("€" * 71 + "ő", 2),  # € is one unit in UCS-2
        ("\ud83d" * 71, 2),  # half an emoji
    ):
        assert count_segments(text).parts == count_parts(text) == parts, ascii(text)


def test_the_first_character_that_is_not_in_gsm_7_is_named() -> None:
    """GSM 03.38 has 127 characters and 10 more; any other of the first plane is not in it."""
    assert len(CODES) == 137
    for char in map(chr, range(0x10000)):
        alphabet, forced_by = (Alphabet.GSM_7, None) if char in CODES else (Alphabet.UCS_2, char)
        assert count_segments(f"a{char}") == Segments(parts=1, alphabet=alphabet, forced_by=forced_by), ascii(
            char
        )
        assert count_segments(f"a{char}€ő").forced_by == (forced_by or "ő"), ascii(char)
    assert [str(alphabet) for alphabet in Alphabet] == ["GSM-7", "UCS-2"]


@settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(gsm_texts | ucs_texts, gsm_texts | ucs_texts)
def test_a_text_is_cut_as_a_phone_cuts_it(text: str, more: str) -> None:
    assert count_segments(text).parts == count_parts(text)
    assert count_segments(text + more).parts == count_parts(text + more) >= count_segments(text).parts

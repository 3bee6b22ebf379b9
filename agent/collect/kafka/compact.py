"""The parts of which answers in the flexible versions (KIP-482) are made, at a place in their bytes.

Bytes that are not such an answer raise ValueError (UnicodeDecodeError among them), IndexError or struct.error, and nothing else.
"""

from typing import Final


def length(body: bytes, at: int) -> tuple[int, int]:
    """A compact length, which is written one higher and as 0 for null; and where what it measures begins."""
    first = body[at]
    if 0 < first < 0x80:  # nearly all
        return first - 1, at + 1
    number, at = unsigned(body, at)
    if not number:
        return 0, at
    return number - 1, at


def unsigned(body: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while shift < 35:
        byte = body[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
    raise ValueError("no number")


def text(body: bytes, at: int, size: int) -> str:
    raw = body[at : at + size]
    if len(raw) < size:
        raise ValueError("cut off")
    return raw.decode()


def after_tags(body: bytes, at: int) -> int:
    """Where the tagged fields end that begin here; none is wanted, and newer brokers may send any."""
    if not body[at]:
        return at + 1
    count, at = unsigned(body, at)
    for _ in range(count):
        _, at = unsigned(body, at)
        size, at = unsigned(body, at)
        at += size
        if at > len(body):
            raise ValueError("cut off")
    return at


def behind_header(answer: bytes) -> int:
    """Where the body of a flexible answer begins: behind its number and the tags of its header."""
    return after_tags(answer, 4)


def end(body: bytes, at: int) -> None:
    if after_tags(body, at) != len(body):
        raise ValueError("more than an answer")


def written(number: int) -> bytes:
    """An unsigned varint."""
    if number < 0x80:
        return _ONE[number]
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


_ONE: Final = [bytes((number,)) for number in range(0x80)]

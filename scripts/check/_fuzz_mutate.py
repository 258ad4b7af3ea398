"""Damage for `scripts/check/fuzz.py`: blind changes to bytes, and changes that keep a format's outer checks intact."""

from __future__ import annotations

import json
import struct
import tempfile
import zlib
from collections.abc import Callable, Sequence
from random import Random

import torch
from _fuzz_corpus import Seed
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save

Change = Callable[[bytearray, Random], bytearray]
_INTERESTING = (0, 1, 2, 7, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1)
_WORDS = (
    "NaN", "1e999", "-1", "0", "null", "[]", "{}", '""', "true", "99999999999999999999", "-0.0", '"\\ud800"', "[[[[[[",
    "../../x", "\\u0000", "1" * 400,
)  # fmt: skip
_TYPES = ("", "BF16", "I64", "BOOL", "F8_E4M3", "F64", "C64", "wct", "cat5", "[" * 3000)


def mutated(seed: Seed, others: Sequence[Seed], random: Random) -> bytes:
    """`seed`, damaged in one to four ways: blindly, or in ways of its own format that get further."""
    data = bytearray(seed.data)
    own = _own(seed)
    changes = own if own and random.random() < 0.6 else [*_BLIND, _splice(others)]
    for _ in range(random.choice((1, 1, 1, 1, 2, 4))):
        data = random.choice(changes)(data, random)
        if not data:
            break
    return bytes(data)


def _own(seed: Seed) -> list[Change]:
    if seed.name.endswith(".png"):
        return [_png_chunk]
    if seed.name.endswith((".style", ".moments", ".safetensors")):
        return [_json_header, _tensors, _tensors]
    return [_words] if seed.name.endswith((".toml", ".json")) else []


def _splice(others: Sequence[Seed]) -> Change:
    def splice(target: bytearray, random: Random) -> bytearray:
        donor = random.choice(others).data
        begin, length = random.randrange(len(donor)), random.choice((1, 4, 16, 64, 512))
        piece = donor[begin : begin + length]
        place = _place(target, random)
        target[place : place + (len(piece) if random.random() < 0.5 else 0)] = piece
        return target

    return splice


def _place(data: bytes | bytearray, random: Random) -> int:
    """Any place, and often one near the beginning, where headers are."""
    return min(int(len(data) * random.random() ** random.choice((1, 3, 8))), len(data) - 1)


def _flip(data: bytearray, random: Random) -> bytearray:
    for _ in range(random.choice((1, 1, 1, 3, 20))):
        data[_place(data, random)] ^= 1 << random.randrange(8)
    return data


def _set(data: bytearray, random: Random) -> bytearray:
    data[_place(data, random)] = random.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, random.randrange(256)))
    return data


def _field(data: bytearray, random: Random) -> bytearray:
    """A 16-, 32- or 64-bit number in either byte order: sizes, offsets, counts."""
    kind = random.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
    length = struct.calcsize(kind)
    place = _place(data, random)
    place -= place % random.choice((1, 2, 4))
    if place + length > len(data):
        return data
    old = struct.unpack_from(kind, data, place)[0]
    new = random.choice((*_INTERESTING, old + 1, old - 1, old * 2, old ^ 1 << random.randrange(8 * length)))
    struct.pack_into(kind, data, place, new % 2 ** (8 * length))
    return data


def _cut(data: bytearray, random: Random) -> bytearray:
    return data[: random.randrange(len(data))]


def _remove(data: bytearray, random: Random) -> bytearray:
    place = _place(data, random)
    del data[place : place + random.choice((1, 2, 4, 16, 256))]
    return data


def _repeat(data: bytearray, random: Random) -> bytearray:
    begin, length = _place(data, random), random.choice((1, 4, 32, 512))
    place = _place(data, random)
    data[place:place] = data[begin : begin + length] * random.choice((1, 1, 2, 50))
    return data


def _zero(data: bytearray, random: Random) -> bytearray:
    begin, length = _place(data, random), random.choice((4, 16, 128, 4096))
    end = min(begin + length, len(data))
    data[begin:end] = bytes([random.choice((0, 0, 255))]) * (end - begin)
    return data


_BLIND: tuple[Change, ...] = (_flip, _flip, _set, _field, _field, _cut, _remove, _repeat, _zero)


def _png_chunk(data: bytearray, random: Random) -> bytearray:
    """A chunk changed, dropped, doubled or moved, with a checksum that holds; packed contents are changed unpacked."""
    chunks, place = [], 8
    while place + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        chunks.append((name, bytes(data[place + 8 : place + 8 + length])))
        place += 12 + length
    if not chunks:
        return data
    index = random.randrange(len(chunks))
    name, body = chunks[index]
    action = random.choice(("change", "change", "change", "drop", "double", "move"))
    if action == "drop":
        del chunks[index]
    elif action == "double":
        chunks.insert(index, chunks[index])
    elif action == "move":
        chunks.insert(random.randrange(len(chunks)), chunks.pop(index))
    elif body:
        start = body.find(b"\0") + 2 if name == b"iCCP" else 0
        try:
            inner = bytearray(zlib.decompress(body[start:]))
            packed = bool(inner)
            inner = inner or bytearray(body)  # nothing can be changed in nothing
        except zlib.error:
            inner, packed = bytearray(body), False
        inner = random.choice((_flip, _set, _field, _field, _cut, _remove))(inner, random)
        chunks[index] = (name, body[:start] + zlib.compress(bytes(inner)) if packed else bytes(inner))
    result = bytearray(data[:8])
    for name, body in chunks:
        result += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return result


def _json_header(data: bytearray, random: Random) -> bytearray:
    """A safetensors header changed as text or as a tree, with its length set right."""
    if len(data) < 8:
        return data
    length = struct.unpack_from("<Q", data)[0]
    header, body = data[8 : 8 + length], data[8 + length :]
    if random.random() < 0.5:
        header = _words(bytearray(header), random) if header else header
    else:
        try:
            header = bytearray(json.dumps(_tree(json.loads(header), random)).encode())
        except (ValueError, RecursionError):
            return data
    return bytearray(struct.pack("<Q", len(header)) + header + body)


def _tensors(data: bytearray, random: Random) -> bytearray:
    """A tensor of another shape, type, name or size of values in a file that is whole; often without its checksum."""
    try:
        with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
            file.write(data)
            file.flush()
            with safe_open(file.name, "pt") as opened:
                metadata = dict(opened.metadata() or {})
        tensors = load(bytes(data))
    except (SafetensorError, ValueError, KeyError):
        return data
    name = random.choice(sorted(tensors))
    tensor = tensors[name]
    kind = random.choice((torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.float8_e4m3fn))
    shape = random.choice(((0,), (1,), (0, 10**9), (3, 3), (1, 2, 3), ()))
    replaced: dict[str, torch.Tensor | None] = {
        "drop": None, "type": tensor.to(kind), "shape": torch.zeros(shape), "flat": tensor.flatten(),
        "one more": torch.nn.functional.pad(tensor, (0, 1)) if tensor.dim() else tensor,
        "huge": tensor.double() * 10.0 ** random.choice((10, 30, 37, 200, -300)), "minus": -tensor.double(),
        "ones": torch.ones_like(tensor),
    }  # fmt: skip
    new = replaced[random.choice(sorted(replaced))]
    target = random.choice((name, name, name, name + "/x", name.replace("*", "sky"), name.rpartition("/")[2]))
    tensors = {key: value for key, value in tensors.items() if key != name} | ({} if new is None else {target: new})
    if random.random() < 0.7:
        metadata.pop("sha256", None)
    return bytearray(save({key: value.contiguous() for key, value in tensors.items()}, metadata))


def _tree(value: object, random: Random) -> object:
    """A JSON value with one of its leaves or branches replaced, renamed or left out."""
    if isinstance(value, dict) and value and random.random() < 0.95:
        key = random.choice(list(value))
        what = random.random()
        if what < 0.1:
            return {name: part for name, part in value.items() if name != key}
        if what < 0.2:
            end = random.choice(("x", "/", ""))
            return {(name + end if name == key else name): part for name, part in value.items()}
        return {**value, key: _tree(value[key], random)}
    if isinstance(value, list) and value and random.random() < 0.9:
        place = random.randrange(len(value))
        return [*value[:place], _tree(value[place], random), *value[place + 1 :]]
    if isinstance(value, str):
        try:
            return json.dumps(_tree(json.loads(value), random))  # JSON within JSON, as metadata holds it
        except (ValueError, RecursionError):
            pass
        return random.choice((*_TYPES, value + "x"))
    if isinstance(value, int) and not isinstance(value, bool):
        return random.choice((value + 1, value - 1, -value, 0, 2**31, 2**62, 2**63, 10**30, 0.5))
    return random.choice((None, True, 0, -1, 1e308, 1e-320, [], {}, "", [[]], 10**30))


def _words(data: bytearray, random: Random) -> bytearray:
    """A number, string or name in text put in another's place."""
    text = data.decode("utf-8", "surrogateescape")
    begin = random.randrange(len(text))
    while begin and text[begin - 1] not in ' =,:[{"\n':
        begin -= 1
    end = begin
    while end < len(text) and text[end] not in ' =,:]}"\n':
        end += 1
    word = random.choice((*_WORDS, "[" * 5000, text[begin:end] * 2, ""))
    return bytearray((text[:begin] + word + text[end:]).encode("utf-8", "surrogateescape"))

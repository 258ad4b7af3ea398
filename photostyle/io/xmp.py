"""XMP packets (ISO 16684-1): one whole packet for a photo, without what its result no longer has.

Packets stay byte for byte where nothing has to change. Where something does they are parsed as XML, so that no prefix
or form of writing matters.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator
from typing import Any
from xml.dom import Node, minidom
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
NAME = b"http://ns.adobe.com/xap/1.0/\0"
LARGEST = 65_502  # bytes of a packet in a JPEG segment, less the name of what it holds
_LARGEST_PART = 65_000  # of the rest of a larger packet in one segment

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_NOTE = "http://ns.adobe.com/xmp/note/"
_XMLNS = "http://www.w3.org/2000/xmlns/"
# Namespaces that describe a second part of the file (a gain map, a clip, another view), each with its name for people.
_PARTS = {
    "http://ns.adobe.com/hdr-gain-map/1.0/": "HDR gain map",
    "http://ns.apple.com/HDRGainMap/1.0/": "HDR gain map",
    "http://ns.apple.com/pixeldatainfo/1.0/": "HDR gain map",
    "http://ns.google.com/photos/1.0/container/": "",
    "http://ns.google.com/photos/1.0/container/item/": "",
    "http://ns.google.com/photos/dd/1.0/": "",
    "http://ns.google.com/photos/1.0/image/": "second view",
}
_ANNOUNCED = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{rdf}"><rdf:Description rdf:about="{about}" '
    'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" '
    'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
    'xmlns:Item="http://ns.google.com/photos/1.0/container/item/"><Container:Directory><rdf:Seq>'
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>'
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" '
    'Item:Length="{length}"/></rdf:li></rdf:Seq></Container:Directory></rdf:Description></rdf:RDF></x:xmpmeta>'
)
_CLIP = re.compile(r"(MotionPhoto|MicroVideo|OLivePhoto|VideoLength|LivePhoto)")  # properties of cameras' namespaces
_MEANINGS = {
    "GainMap": "HDR gain map", "MotionPhoto": "motion clip", "MicroVideo": "motion clip", "Depth": "depth map",
    "Confidence": "depth map", "Original": "original picture", "RightEye": "second view", "Right": "second view",
}  # fmt: skip
_MENTIONS = (*(part.encode() for part in _PARTS), b"MotionPhoto", b"MicroVideo", b"LivePhoto", b"VideoLength")


class XMPError(ValueError):
    """A packet that is no XML, or declares entities."""


def whole(packet: object, extensions: list[bytes]) -> tuple[bytes | None, bool]:
    """Return one packet of a main packet and its extensions in JPEG segments (ISO 16684-3, 1.1.3.1), or None for none.

    Also returned is whether it has all its parts.

    Args:
        packet: the main packet, as bytes or text.
        extensions: segments' contents behind `EXTENSION`.

    Raises:
        XMPError: a part is damaged.
    """
    main = packet.encode() if isinstance(packet, str) else packet
    if not isinstance(main, bytes) or not main.strip(b"\0 \r\n\t"):
        return None, True
    if b"HasExtendedXMP" not in main:
        return main, True
    document = _parsed(main)
    name = _taken_name(document)
    rest = _joined([part for part in extensions if part[:32].decode("latin-1").upper() == name.upper()])
    if rest is None:
        return _written(document), not name
    target = _descriptions_of(document)
    for node in _descriptions(_parsed(rest)):
        for attribute in _declarations(node):
            node.setAttributeNS(_XMLNS, attribute.name, attribute.value)
        target.appendChild(document.importNode(node, True))
    return _written(document), True


def upright(packet: bytes) -> bytes:
    """Return a packet without thumbnails and with the orientation set to upright."""
    packet = re.sub(rb"<(xmp|xap):Thumbnails>.*?</\1:Thumbnails>", b"", packet, flags=re.DOTALL)
    packet = re.sub(rb"(tiff:Orientation\s*=\s*[\"'])[1-8]", rb"\g<1>1", packet)
    return re.sub(rb"(<tiff:Orientation>\s*)[1-8]", rb"\g<1>1", packet)


def orientation(packet: bytes) -> int:
    """Return the orientation (1 to 8) that a packet tells, 1 where it tells none; EXIF goes before it."""
    found = re.search(rb"tiff:Orientation(?:\s*=\s*[\"']|>\s*)([1-8])", packet)
    return int(found[1]) if found else 1


def alone(packet: bytes) -> tuple[bytes, list[str]]:
    """Return a packet that declares no second part of the file, and what those that it declared were.

    Raises:
        XMPError: the packet declares one and is damaged.
    """
    if not any(mention in packet for mention in _MENTIONS):
        return packet, []
    document = _parsed(packet)
    gone: list[str] = []
    for element in list(_elements(document)):
        if element.parentNode is None:
            continue
        for attribute in list(_attributes(element)):
            meaning = _meaning(attribute)
            if meaning is not None:
                gone.append("" if attribute.value == "0" else meaning or _MEANINGS.get(attribute.value, ""))
                element.removeAttributeNode(attribute)
        meaning = _meaning(element)
        if meaning is not None and element.parentNode.namespaceURI == _RDF:
            gone.extend(["" if element.toxml().count(">0<") else meaning, *_mentioned(element)])
            element.parentNode.removeChild(element)
    for element in _elements(document):
        for attribute in list(_attributes(element)):
            if attribute.namespaceURI == _XMLNS and _meaning_of(attribute.value, "") is not None:
                element.removeAttributeNode(attribute)
    return _written(document), sorted({part for part in gone if part})


def with_gain_map(packet: bytes | None, length: int) -> bytes:
    """Return a packet that announces a gain map of so many bytes behind the picture (Ultra HDR image format, 1.1).

    Raises:
        XMPError: the packet is damaged.
    """
    document = _parsed(packet) if packet is not None else None
    if document is None or not document.getElementsByTagNameNS(_RDF, "RDF"):
        return _ANNOUNCED.format(rdf=_RDF, about="", length=length).encode()
    about = next((node.getAttributeNS(_RDF, "about") for node in _descriptions(document)), "")
    made = _parsed(_ANNOUNCED.format(rdf=_RDF, about=escape(about, {'"': "&quot;"}), length=length).encode())
    target = _descriptions_of(document)
    for node in _descriptions(made):
        for attribute in _declarations(node):
            node.setAttributeNS(_XMLNS, attribute.name, attribute.value)
        target.appendChild(document.importNode(node, True))
    return _written(document)


def split(packet: bytes) -> tuple[bytes, list[bytes]]:
    """Return a packet as a main packet and segments' contents for the rest, each small enough for a JPEG.

    Raises:
        XMPError: it is damaged, or one property must not be parted and is too large.
    """
    if len(packet) <= LARGEST:
        return packet, []
    document = _parsed(packet)
    rest = minidom.parseString(f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"/></x:xmpmeta>')
    moved = _descriptions_of(rest)
    properties = [(description, node) for description in _descriptions(document) for node in _properties(description)]
    properties.sort(key=lambda pair: len(pair[1].value if _is_attribute(pair[1]) else pair[1].toxml()), reverse=True)
    for description, node in properties:
        holder = _holder(rest, description)
        if _is_attribute(node):
            description.removeAttributeNode(node)
            holder.setAttributeNS(node.namespaceURI, node.name, node.value)
        else:
            description.removeChild(node)
            holder.appendChild(rest.importNode(node, True))
        moved.appendChild(holder)
        if len(_written(document)) <= LARGEST - 200:
            break
    data = moved.parentNode.toxml().encode()
    name = hashlib.md5(data, usedforsecurity=False).hexdigest().upper()
    note = document.createElementNS(_RDF, "rdf:Description")
    note.setAttribute("xmlns:rdf", _RDF)
    note.setAttribute("rdf:about", "")
    note.setAttribute("xmlns:xmpNote", _NOTE)
    note.setAttribute("xmpNote:HasExtendedXMP", name)
    _descriptions_of(document).appendChild(note)
    main = _written(document)
    if len(main) > LARGEST:
        raise XMPError("its main part is larger than JPEG allows")
    start = name.encode() + struct.pack(">I", len(data))
    places = range(0, len(data), _LARGEST_PART)
    return main, [start + struct.pack(">I", place) + data[place : place + _LARGEST_PART] for place in places]


def _parsed(packet: bytes) -> Any:
    if b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
        raise XMPError("it declares entities")
    try:
        return minidom.parseString(packet.strip(b"\0 \r\n\t"))
    except (ExpatError, ValueError, LookupError) as error:
        raise XMPError(f"it is no XML: {error}") from error


def _written(document: Any) -> bytes:
    return "".join(node.toxml() for node in document.childNodes).encode("utf-8", "replace")


def _elements(node: Any) -> Iterator[Any]:
    return iter(node.getElementsByTagName("*"))


def _attributes(element: Any) -> list[Any]:
    return [element.attributes.item(index) for index in range(element.attributes.length)]


def _descriptions_of(document: Any) -> Any:
    found = document.getElementsByTagNameNS(_RDF, "RDF")
    if not found:
        raise XMPError("it has no rdf:RDF")
    return found[0]


def _descriptions(document: Any) -> list[Any]:
    children = _descriptions_of(document).childNodes
    return [node for node in children if node.nodeType == Node.ELEMENT_NODE]


def _properties(description: Any) -> list[Any]:
    plain = [a for a in _attributes(description) if a.namespaceURI not in (_RDF, _XMLNS, None)]
    return plain + [node for node in description.childNodes if node.nodeType == Node.ELEMENT_NODE]


def _is_attribute(node: Any) -> bool:
    return bool(node.nodeType == Node.ATTRIBUTE_NODE)


def _declarations(node: Any) -> list[Any]:
    """The declarations of names that hold in an element: the nearest of each."""
    found: dict[str, Any] = {}
    while node is not None and node.nodeType == Node.ELEMENT_NODE:
        for attribute in _attributes(node):
            if attribute.namespaceURI == _XMLNS:
                found.setdefault(attribute.name, attribute)
        node = node.parentNode
    return list(found.values())


def _holder(rest: Any, description: Any) -> Any:
    """An empty description of the same thing, in which the same names may be used."""
    holder = rest.createElementNS(_RDF, "rdf:Description")
    for attribute in _declarations(description):
        holder.setAttributeNS(_XMLNS, attribute.name, attribute.value)
    holder.setAttribute("rdf:about", description.getAttributeNS(_RDF, "about"))
    return holder


def _taken_name(document: Any) -> str:
    """Take the note of a second part out of a packet and return what it says."""
    name = ""
    for element in list(_elements(document)):
        for attribute in list(_attributes(element)):
            if attribute.namespaceURI == _NOTE and attribute.localName == "HasExtendedXMP":
                name = attribute.value
                element.removeAttributeNode(attribute)
        if element.namespaceURI == _NOTE and element.localName == "HasExtendedXMP":
            name = "".join(node.data for node in element.childNodes if node.nodeType == Node.TEXT_NODE).strip()
            element.parentNode.removeChild(element)
    return name


def _joined(parts: list[bytes]) -> bytes | None:
    """The second part of a packet from its pieces, which may come in any order; None where some are missing."""
    if not parts or any(len(part) < 40 for part in parts):
        return None
    pieces = {struct.unpack_from(">I", part, 36)[0]: part[40:] for part in parts}
    data = b"".join(pieces[place] for place in sorted(pieces))
    return data if len(data) == struct.unpack_from(">I", parts[0], 32)[0] else None


def _meaning(node: Any) -> str | None:
    return None if node.namespaceURI in (None, _XMLNS) else _meaning_of(node.namespaceURI, node.localName)


def _meaning_of(namespace: str, name: str) -> str | None:
    """What a property tells of a second part, "" where that is to be seen elsewhere; None for other properties."""
    for start, meaning in _PARTS.items():
        if namespace.startswith(start):
            return meaning
    clip = "camera" in namespace and _CLIP.match(name)
    return "motion clip" if clip else None


def _mentioned(element: Any) -> list[str]:
    """What the items of a container are for."""
    found = []
    for inner in _elements(element):
        for attribute in _attributes(inner):
            found.append(_MEANINGS.get(attribute.value, ""))
        texts = [node.data.strip() for node in inner.childNodes if node.nodeType == Node.TEXT_NODE]
        found.extend(_MEANINGS.get(text, "") for text in texts)
    return found

"""The channel between grader and student's code: four bytes of length (big-endian), and so many bytes of JSON."""

import json
import socket
import struct

HEADER = struct.Struct(">I")


class WireError(ValueError):
    """A value that cannot travel, or an answer that is malformed; the message says how."""


def frame(message: dict, most: int) -> bytes:
    """A message as bytes; WireError when it is longer than `most` bytes."""
    content = json.dumps(message, separators=(",", ":")).encode()
    if len(content) > most:
        raise WireError(f"it is too large to travel ({len(content) / 1e6:.0f} MB)")
    return HEADER.pack(len(content)) + content


def message(content: bytes) -> dict:
    """The message in a frame's bytes; WireError when it is no JSON object."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise WireError(f"it is no JSON ({type(error).__name__})") from None
    if type(found) is not dict:
        raise WireError("it is no JSON object")
    return found


def receive(channel: socket.socket, most: int) -> dict:
    """Wait for one message on a blocking socket; EOFError when the other side is gone."""
    (length,) = HEADER.unpack(_read(channel, HEADER.size))
    if length > most:
        raise WireError(f"it claims {length / 1e6:.0f} MB")
    return message(_read(channel, length))


def _read(channel: socket.socket, length: int) -> bytes:
    found = bytearray()
    while len(found) < length:
        more = channel.recv(min(length - len(found), 1 << 20))
        if not more:
            raise EOFError
        found += more
    return bytes(found)

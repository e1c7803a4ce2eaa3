"""Whether the log-ins of an SSH connection failed or succeeded, judged by the sizes of its encrypted segments.

What is known: a service request is answered by an accept of 17 bytes (RFC 4253, 10), each log-in by a failure,
which lists methods and so has the same size every time within a connection, or by a success of one byte
(RFC 4252, 5.1). Padding makes the packet of success 16 bytes shorter than that of accept under every cipher
with blocks of 8 or 16 bytes: nothing else the server may send before the log-in is that short. Zeek judges by
the same two facts (its events ssh_auth_successful and ssh_auth_failed). Beyond it, the lengths under the agreed
cipher find the accept behind other messages (extensions, RFC 8308), a banner that shares a segment with the
first failure is understood, and of clients known not to begin with the method "none" the first failure counts.

What it cannot know is "unknown": servers that pad at random, connections whose accept was not captured,
compression before the log-in, and whether somebody left before a password was tried. A success that shares its
segment with later messages is missed. A refused public key is a failed attempt, as in the server's own log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SUCCESS, FAILURE, UNKNOWN = "success", "failure", "unknown"
MOST_SIZES = 64  # the sensor keeps no more; log-ins are over long before
_ACCEPT = 17  # payload bytes of SSH_MSG_SERVICE_ACCEPT "ssh-userauth"
_SHORTER = 16  # bytes by which a packet of success is shorter
_SHORTEST_FAILURE, _LONGEST_FAILURE = 10, 112  # payload bytes: one method of four letters; all methods in use
_MAC_BYTES = {
    "hmac-sha1": 20, "hmac-sha1-96": 12, "hmac-sha2-256": 32, "hmac-sha2-512": 64, "hmac-md5": 16,
    "hmac-md5-96": 12, "hmac-ripemd160": 20, "umac-64": 8, "umac-128": 16,
}  # fmt: skip
_BLOCKS_OF_EIGHT = ("chacha20", "3des", "blowfish", "cast128", "arcfour")  # the others have 16 bytes
# In banners: clients whose first request carries a password or key at once, and that ask for the service anew
# before every further one.
_WITHOUT_NONE = ("paramiko",)


@dataclass(frozen=True)
class Verdict:
    """How the log-ins ended, and how many were tried; None where sizes tell nothing."""

    outcome: str
    attempts: int | None


@dataclass(frozen=True)
class Turn:
    """What the client sent, and what the server answered: sizes of segments."""

    asked: Sequence[int]
    answered: Sequence[int]


class Lengths:
    """Packet lengths under a cipher and a MAC with the least padding (RFC 4253, 6; RFC 5647; OpenSSH's PROTOCOL)."""

    def __init__(self, cipher: bytes, mac: bytes):
        name, seal = cipher.decode("ascii", "replace"), mac.decode("ascii", "replace").partition("@")[0]
        sealed = "gcm" in name or name.startswith("chacha20")  # the cipher itself authenticates
        self._block = 8 if name.startswith(_BLOCKS_OF_EIGHT) else 16
        self._apart = sealed or seal.endswith("-etm")  # the length is not part of the padded blocks
        self._tag = 16 if sealed else _MAC_BYTES.get(seal.removesuffix("-etm"))

    def of(self, payload: int) -> int | None:
        """Return the bytes of a packet with that many bytes of payload; None under an unknown MAC."""
        if self._tag is None:
            return None
        padded = (0 if self._apart else 4) + 1 + payload + 4
        return (4 if self._apart else 0) + -(-padded // self._block) * self._block + self._tag


def judge(sizes: Sequence[tuple[bool, int]], lengths: Lengths, client: str) -> Verdict:
    """Return how the log-ins went. `sizes` are (from the server?, bytes) in order; `client` is its banner."""
    place = _accept(sizes, lengths.of(_ACCEPT))
    if place < 0:
        return Verdict(UNKNOWN, None)
    accept = sizes[place][1]
    success = accept - _SHORTER
    every = list(_turns(sizes[place + 1 :]))
    turns = [turn for turn in every if not _asks_again(turn, accept)]
    won = next((number for number, turn in enumerate(turns) if success in turn.answered), len(turns))
    shortest = lengths.of(_SHORTEST_FAILURE) or success + 1
    answers = [turn.answered[-1] for turn in turns[:won]]
    failure = _failure(answers, shortest, lengths.of(_LONGEST_FAILURE) or accept + 96)
    failed = sum(answer == failure for answer in answers[1:])
    if answers and any(name in client.lower() for name in _WITHOUT_NONE):
        if won and len(every) > 1 and answers[0] != failure and not _asks_again(every[1], accept):
            return Verdict(UNKNOWN, None)  # a banner and a success, or the beginning of a dialogue
        failed += 1  # of others the first answer only tells which methods there are
    if won < len(turns):
        return Verdict(SUCCESS, failed + 1)
    if len(sizes) >= MOST_SIZES:
        return Verdict(UNKNOWN, None)  # a whole session went by
    return Verdict(FAILURE if failed else UNKNOWN, failed)


def _accept(sizes: Sequence[tuple[bool, int]], expected: int | None) -> int:
    """Return where the server accepts the log-in service, -1 if it does not.

    Under an unknown MAC, whose lengths are unknown too, it is the first answer to anything.
    """
    asked = False
    for place, (from_server, size) in enumerate(sizes):
        if not from_server:
            asked = True
        elif asked and (size == expected or (expected is None and size > _SHORTER)):
            return place
    return -1


def _turns(sizes: Sequence[tuple[bool, int]]) -> Iterator[Turn]:
    """Yield the questions of the client that were answered."""
    asked: list[int] = []
    answered: list[int] = []
    for from_server, size in sizes:
        if from_server:
            answered.append(size)
            continue
        if asked and answered:
            yield Turn(asked, answered)
            asked, answered = [], []
        answered.clear()  # nobody asked
        asked.append(size)
    if asked and answered:
        yield Turn(asked, answered)


def _asks_again(turn: Turn, accept: int) -> bool:
    """Return whether it is another service request, as some clients send before every log-in."""
    return list(turn.asked) == [accept] and list(turn.answered) == [accept]


def _failure(answers: Sequence[int], shortest: int, longest: int) -> int:
    """Return the size of a failure: that of the first answer if it comes again, else the least that may be one.

    The first answer may be larger, by a banner before it, but is never smaller; that a key is acceptable is larger.
    """
    if not answers or answers[0] in answers[1:]:
        return answers[0] if answers else 0
    return min((size for size in answers[1:] if shortest <= size <= min(longest, answers[0])), default=0)

"""Messages of SMB 2 and 3, [MS-SMB2] 2.2: each holds one command or several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from secwatch.sensor.protocols import dce_rpc
from secwatch.sensor.protocols.numbers import nt_status
from secwatch.sensor.protocols.octets import little, piece, wide
from secwatch.sensor.protocols.row import Malformed, Row, Value
from secwatch.sensor.protocols.smb_memory import Memory

VERSION_2 = b"\xfeSMB"
_HEADER = 64
_MOST_COMPOUNDED = 16
_RELATED = 4  # flag: works on the file of the command before
_RESPONSE = 1
_SAME_FILE = b"\xff" * 16
_COMMANDS = (
    *("NEGOTIATE", "SESSION_SETUP", "LOGOFF", "TREE_CONNECT", "TREE_DISCONNECT", "CREATE", "CLOSE", "FLUSH", "READ"),
    *("WRITE", "LOCK", "IOCTL", "CANCEL", "ECHO", "QUERY_DIRECTORY", "CHANGE_NOTIFY", "QUERY_INFO", "SET_INFO"),
    "OPLOCK_BREAK",
)
_PIPE_TRANSCEIVE = 0x0011C017
_DIALECTS = {0x202: "2.0.2", 0x210: "2.1", 0x2FF: "2.???", 0x300: "3.0", 0x302: "3.0.2", 0x311: "3.1.1"}
_SHARES = {1: "disk", 2: "pipe", 3: "printer"}
_DISPOSITIONS = ("supersede", "open", "create", "open or create", "overwrite", "overwrite or create")
_ACTIONS = ("superseded", "opened", "created", "overwritten")
_DELETE_ON_CLOSE = 0x1000
# Bits of an access mask, [MS-SMB2] 2.2.13.1
_ACCESS = (
    ("read", 0x80000001),
    ("write", 0x40000006),
    ("execute", 0x20000020),
    ("delete", 0x00010000),
    ("permissions", 0x000C0000),
    ("all", 0x10000000),
    ("maximum", 0x02000000),
)
_RENAME, _DISPOSE, _DISPOSE_MORE = 10, 13, 64  # FileInfoClass, [MS-FSCC] 2.4
_GUEST, _ANONYMOUS = 1, 2
Values = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its header, and its bytes from the header on, as far as they are here."""

    data: bytes
    number: int
    status: int
    flags: int
    tree: int
    session: int

    def at(self, offset: int, size: int) -> int:
        """Return a number of the body. Raise Malformed if it is not there."""
        return little(self.data, _HEADER + offset, size)

    def pointed(self, offset: int) -> bytes:
        """Return the bytes that an offset from the header and a length, two bytes each, point to."""
        start, length = self.at(offset, 2), self.at(offset + 2, 2)
        return piece(self.data, start, length) if length else b""


def _commands(data: bytes) -> list[Command]:
    """Return the commands of a message. Raise Malformed if the first is none."""
    found: list[Command] = []
    at = 0
    for _ in range(_MOST_COMPOUNDED):
        if data[at : at + 4] != VERSION_2 or len(data) < at + _HEADER:
            break
        following = little(data, at + 20, 4)
        if following and following < _HEADER:
            break
        end = at + following if following else len(data)
        found.append(
            Command(
                data[at:end],
                little(data, at + 12, 2),
                little(data, at + 8, 4),
                little(data, at + 16, 4),
                little(data, at + 36, 4),
                little(data, at + 40, 8),
            )
        )
        if not following:
            break
        at = end
    if data and not found:
        raise Malformed
    return found


def access_names(mask: int) -> list[str]:
    """Return what an access mask asks for."""
    return [name for name, bits in _ACCESS if mask & bits]


def disposition_name(number: int) -> str | None:
    """Return what a CREATE does with a file that is there or not."""
    return _DISPOSITIONS[number] if number < len(_DISPOSITIONS) else None


def action_name(number: int) -> str | None:
    """Return what a CREATE did."""
    return _ACTIONS[number] if number < len(_ACTIONS) else None


class Smb2:
    """The messages of one connection."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def parse(self, request: bytes, response: bytes) -> Iterator[Row]:
        """Yield the rows of the commands of a request with their answers, paired in order."""
        asked, answered = _commands(request), _commands(response)
        if asked and asked[0].flags & _RESPONSE:  # an answer that stands alone
            asked, answered = [], asked
        file = b""
        for place in range(max(len(asked), len(answered))):
            ask = asked[place] if place < len(asked) else None
            answer = answered[place] if place < len(answered) else None
            if ask and answer and ask.number != answer.number:
                answer = None
            yield from self._command(ask, answer, file)
            if answer and answer.number == 5 and len(answer.data) >= _HEADER + 80:
                file = piece(answer.data, _HEADER + 64, 16)

    def _command(self, ask: Command | None, answer: Command | None, file: bytes) -> Iterator[Row]:
        """Yield the rows of one command; `file` is the one that the commands before it opened."""
        command = ask or answer
        if command is None or command.number >= len(_COMMANDS):
            return
        values: Values = {"version": 2, "command": _COMMANDS[command.number]}
        values["session_id"] = f"{(answer or command).session or command.session:016x}"
        if answer:
            values["status"] = nt_status(answer.status)
        if _COMMANDS[command.number] in ("READ", "WRITE", "IOCTL"):
            yield from self._data(command.number, ask, answer, file)
            return
        further: list[Row] = []
        try:
            if not self._details(command, ask, answer, file, values, further):
                return
        except Malformed:
            pass  # cut short: what is known so far
        yield Row("smb", values)
        yield from further

    def _details(
        self,
        command: Command,
        ask: Command | None,
        answer: Command | None,
        file: bytes,
        values: Values,
        further: list[Row],
    ) -> bool:
        """Add what a command says to `values`, other rows to `further`. Return whether it gives a row."""
        name = _COMMANDS[command.number]
        if name in ("LOGOFF", "TREE_DISCONNECT", "TREE_CONNECT", "CREATE", "SET_INFO"):
            tree = answer.tree if answer and name == "TREE_CONNECT" else command.tree
            if name != "LOGOFF":
                values["tree_id"] = tree
                values["tree"] = self._memory.tree(tree)
        if name == "NEGOTIATE":
            self._negotiate(ask, answer, values)
        elif name == "SESSION_SETUP":
            self._log_in(ask, answer, values, further)
        elif name == "TREE_CONNECT":
            self._tree(ask, answer, values)
        elif name == "CREATE":
            self._create(ask, answer, values)
        elif name == "SET_INFO":
            return ask is not None and self._change(ask, file, values)
        else:
            return name in ("LOGOFF", "TREE_DISCONNECT")
        return True

    @staticmethod
    def _negotiate(ask: Command | None, answer: Command | None, values: Values) -> None:
        if answer and answer.status == 0:
            dialect = answer.at(4, 2)
            values["dialect"] = _DIALECTS.get(dialect, f"0x{dialect:04x}")
            values["signing"] = "required" if answer.at(2, 2) & 2 else "optional"

    def _log_in(self, ask: Command | None, answer: Command | None, values: Values, further: list[Row]) -> None:
        session = answer.session if answer and answer.session else ask.session if ask else 0
        request = ask.pointed(12) if ask else b""
        try:
            response = answer.pointed(4) if answer else b""
            flags = answer.at(2, 2) if answer and answer.status == 0 else 0
        except Malformed:
            response, flags = b"", 0
        values["action"] = "guest" if flags & _GUEST else "anonymous" if flags & _ANONYMOUS else None
        further += self._memory.log_in(session, request, response, answer.status if answer else None)

    def _tree(self, ask: Command | None, answer: Command | None, values: Values) -> None:
        share = wide(ask.pointed(4)) if ask else ""
        values["tree"] = share
        if answer and answer.status == 0:
            if share:
                self._memory.add_tree(answer.tree, share)
            values["share_type"] = _SHARES.get(answer.at(2, 1))

    def _create(self, ask: Command | None, answer: Command | None, values: Values) -> None:
        name, pipe = "", False
        if ask:
            name = wide(ask.pointed(44))
            pipe = self._memory.is_pipe(ask.tree)
            values["name"] = name
            values["pipe"] = name if pipe else None
            values["access"] = access_names(ask.at(24, 4))
            values["disposition"] = disposition_name(ask.at(36, 4))
            values["delete_on_close"] = bool(ask.at(40, 4) & _DELETE_ON_CLOSE)
        if answer and answer.status == 0:
            values["action"] = action_name(answer.at(4, 4))
            if not pipe:
                values["file_size"] = answer.at(48, 8)
            file = piece(answer.data, _HEADER + 64, 16)
            if len(file) == 16 and ask:
                self._memory.add_file(file, name, name if pipe else None)

    def _change(self, ask: Command, file: bytes, values: Values) -> bool:
        """Add a rename or a deletion; return whether it is one."""
        kind, level = ask.at(2, 1), ask.at(3, 1)
        if kind != 1 or level not in (_RENAME, _DISPOSE, _DISPOSE_MORE):
            return False
        key = piece(ask.data, _HEADER + 16, 16)
        values["name"] = self._memory.file(file if key == _SAME_FILE else key)
        start = ask.at(8, 2)
        if level == _RENAME:
            values["action"] = "rename"
            values["new_name"] = wide(piece(ask.data, start + 20, little(ask.data, start + 16, 4)))
        elif little(ask.data, start, 1) & 1:
            values["action"] = "delete"
        else:
            return False
        return True

    def _data(self, number: int, ask: Command | None, answer: Command | None, file: bytes) -> Iterator[Row]:
        """Yield the rows of DCE/RPC that a command carries; those of a file give none."""
        try:
            if number == 11:
                yield from self._transceive(ask, answer, file)
            elif number == 9 and ask:
                key = piece(ask.data, _HEADER + 16, 16)
                start = ask.at(2, 2)
                if dce_rpc.carries(ask.data, start):
                    yield from self._memory.call(file if key == _SAME_FILE else key, ask.data[start:], b"")
            elif number == 8 and answer:
                start = answer.at(2, 1)
                if dce_rpc.carries(answer.data, start):
                    yield from self._memory.call(None, b"", answer.data[start:])
        except Malformed:
            return

    def _transceive(self, ask: Command | None, answer: Command | None, file: bytes) -> Iterator[Row]:
        """Yield the rows of a call and its answer in one exchange, [MS-SMB2] 2.2.31 and 2.2.32."""
        request, response, key = b"", b"", None
        if ask and ask.at(4, 4) == _PIPE_TRANSCEIVE:
            key = piece(ask.data, _HEADER + 8, 16)
            key = file if key == _SAME_FILE else key
            start = ask.at(24, 4)
            request = ask.data[start:] if dce_rpc.carries(ask.data, start) else b""
        if answer and len(answer.data) >= _HEADER + 40 and answer.at(4, 4) == _PIPE_TRANSCEIVE:
            start = answer.at(32, 4)
            response = answer.data[start:] if dce_rpc.carries(answer.data, start) else b""
        if request or response:
            yield from self._memory.call(key, request, response)

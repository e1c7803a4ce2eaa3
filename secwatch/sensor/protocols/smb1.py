"""Messages of SMB 1, [MS-CIFS] 2.2.4 and [MS-SMB] 2.2.4: words of parameters, then bytes."""

from __future__ import annotations

from collections.abc import Iterator

from secwatch.sensor.protocols import dce_rpc
from secwatch.sensor.protocols.numbers import nt_status
from secwatch.sensor.protocols.octets import narrow, narrow_until_nul, piece, wide
from secwatch.sensor.protocols.row import Malformed, Row, Value
from secwatch.sensor.protocols.smb1_blocks import NT_STATUS, RESPONSE, Block, Header, header
from secwatch.sensor.protocols.smb2 import access_names, action_name, disposition_name
from secwatch.sensor.protocols.smb_memory import Memory

_COMMANDS = {
    0x06: "DELETE",
    0x07: "RENAME",
    0x25: "TRANSACTION",
    0x26: "TRANSACTION_SECONDARY",
    0x2D: "OPEN_ANDX",
    0x2E: "READ_ANDX",
    0x2F: "WRITE_ANDX",
    0x32: "TRANSACTION2",
    0x33: "TRANSACTION2_SECONDARY",
    0x70: "TREE_CONNECT",
    0x71: "TREE_DISCONNECT",
    0x72: "NEGOTIATE",
    0x73: "SESSION_SETUP",
    0x74: "LOGOFF",
    0x75: "TREE_CONNECT",
    0xA0: "NT_TRANSACT",
    0xA1: "NT_TRANSACT_SECONDARY",
    0xA2: "CREATE",
}
_PIPE_TRANSACT = 0x26
_TRANSACTIONS2 = {
    0: "OPEN2",
    1: "FIND_FIRST2",
    2: "FIND_NEXT2",
    3: "QUERY_FS_INFORMATION",
    5: "QUERY_PATH_INFORMATION",
    6: "SET_PATH_INFORMATION",
    7: "QUERY_FILE_INFORMATION",
    8: "SET_FILE_INFORMATION",
    13: "CREATE_DIRECTORY",
    14: "SESSION_SETUP",
    16: "GET_DFS_REFERRAL",
}
_PIPE_OPERATIONS = {0x23: "PEEK_NMPIPE", 0x26: "TRANSACT_NMPIPE", 0x53: "WAIT_NMPIPE", 0x54: "CALL_NMPIPE"}
_NT_FUNCTIONS = {
    1: "CREATE",
    2: "IOCTL",
    3: "SET_SECURITY_DESC",
    4: "NOTIFY_CHANGE",
    5: "RENAME",
    6: "QUERY_SECURITY_DESC",
}
_DELETE_ON_CLOSE = 0x1000
_GUEST = 1
Values = dict[str, Value]


class Smb1:
    """The messages of one connection."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def parse(self, request: bytes, response: bytes) -> Iterator[Row]:
        """Yield the rows of the commands of a message with their answers."""
        ask, answer = header(request), header(response)
        if ask and ask.flags & RESPONSE:  # an answer that stands alone
            ask, answer = None, ask
        asked = list(ask.blocks()) if ask else []
        answered = {block.command: block for block in answer.blocks()} if answer else {}
        for block in asked or list(answered.values()):
            yield from self._command(ask, answer, block if ask else None, answered.get(block.command), block.command)

    def _command(
        self, ask: Header | None, answer: Header | None, block: Block | None, reply: Block | None, command: int
    ) -> Iterator[Row]:
        """Yield the rows of one command."""
        message = ask or answer
        if message is None or command not in _COMMANDS:
            return
        if command in (0x2E, 0x2F):
            yield from self._data(block, reply)
            return
        values: Values = {"version": 1, "command": _COMMANDS[command], "multiplex_id": message.multiplex}
        if answer:
            values["status"] = nt_status(answer.status) if answer.flags & NT_STATUS else _dos(answer.status)
        values["session_id"] = f"{(answer or message).user:04x}"
        if _COMMANDS[command] not in ("NEGOTIATE", "SESSION_SETUP", "LOGOFF"):
            tree = answer.tree if answer and _COMMANDS[command] == "TREE_CONNECT" else message.tree
            values |= {"tree_id": tree, "tree": self._memory.tree(tree)}
        further: list[Row] = []
        try:
            self._details(ask, answer, block, reply, values, further)
        except Malformed:
            pass  # cut short: what is known so far
        yield Row("smb", values)
        yield from further

    def _details(
        self,
        ask: Header | None,
        answer: Header | None,
        block: Block | None,
        reply: Block | None,
        values: Values,
        further: list[Row],
    ) -> None:
        """Add what a command says to `values`, other rows to `further`."""
        name = values["command"]
        succeeded = answer is not None and answer.status == 0
        if name == "NEGOTIATE":
            _negotiate(block, reply, values)
        elif name == "SESSION_SETUP":
            self._log_in(ask, answer, block, reply, values, further)
        elif name == "TREE_CONNECT" and block and ask:
            share = _share(ask, block)
            values["tree"] = share
            if answer and succeeded:
                self._memory.add_tree(answer.tree, share)
        elif name == "CREATE":
            self._create(ask, block, reply if succeeded else None, values)
        elif name == "OPEN_ANDX" and block and ask:
            values["name"] = ask.text(block.data, block.start)[0]
        elif name in ("DELETE", "RENAME") and block and ask:
            first, behind = ask.text(block.data, block.start + 1)  # behind the byte that says it is a text
            values |= {"name": first, "action": str(name).lower()}
            if name == "RENAME":
                values["new_name"] = ask.text(block.data, behind + 1)[0]
        elif block and "TRANSACT" in str(name):
            self._transaction(ask, block, reply, values, further)

    def _log_in(
        self,
        ask: Header | None,
        answer: Header | None,
        block: Block | None,
        reply: Block | None,
        values: Values,
        further: list[Row],
    ) -> None:
        """Add a step of a log-in: with a token as in SMB 2, or with names and answers to a challenge."""
        status = answer.status if answer else None
        response = reply.bytes[: reply.word(6)] if reply and reply.count == 4 else b""
        if reply and status == 0 and reply.count >= 3 and reply.word(4) & _GUEST:
            values["action"] = "guest"
        user = answer.user if answer else ask.user if ask else 0
        if block is None or ask is None:
            further += self._memory.log_in(user, b"", response, status)
        elif block.count == 12:
            further += self._memory.log_in(user, block.bytes[: block.word(14)], response, status)
        elif block.count == 13:
            narrow_length, wide_length = block.word(14), block.word(16)
            name, behind = ask.text(block.data, block.start + narrow_length + wide_length)
            domain, behind = ask.text(block.data, behind)
            row: Values = {"carrier": "smb", "user": name, "domain": domain}
            longest = max(narrow_length, wide_length)
            row["version"] = None if longest <= 1 else 2 if wide_length > 24 else 1
            if status is not None:
                row |= {"result": "success" if status == 0 else "failure", "status": nt_status(status)}
            further.append(Row("ntlm", row))

    def _create(self, ask: Header | None, block: Block | None, reply: Block | None, values: Values) -> None:
        name, pipe = "", False
        if ask and block:
            length = block.word(5)
            start = block.start + (block.start % 2 if ask.unicode else 0)
            contents = piece(block.data, start, length)
            name = wide(contents) if ask.unicode else narrow(contents)
            pipe = self._memory.is_pipe(ask.tree)
            values |= {"name": name, "pipe": name.removeprefix("\\") if pipe else None}
            values["access"] = access_names(block.word(15, 4))
            values["disposition"] = disposition_name(block.word(35, 4))
            values["delete_on_close"] = bool(block.word(39, 4) & _DELETE_ON_CLOSE)
        if reply and ask:
            values["action"] = action_name(reply.word(7, 4))
            if not pipe:
                values["file_size"] = reply.word(55, 8)
            self._memory.add_file(reply.word(5), name, name.removeprefix("\\") if pipe else None)

    def _transaction(
        self, ask: Header | None, block: Block, reply: Block | None, values: Values, further: list[Row]
    ) -> None:
        """Add a transaction: what it does, how much data it says it brings, the call it carries."""
        if block.command in (0xA0, 0xA1):
            values["data_bytes"] = block.word(7, 4)
            if block.command == 0xA0:
                function = block.word(36)
                values["subcommand"] = _NT_FUNCTIONS.get(function, str(function))
            return
        values["data_bytes"] = block.word(2)
        if block.command == 0x25 and ask:
            values["name"] = ask.text(block.data, block.start)[0]
        if block.command not in (0x25, 0x32) or block.count < 15:
            return
        subcommand = block.word(28)
        names = _PIPE_OPERATIONS if block.command == 0x25 else _TRANSACTIONS2
        values["subcommand"] = names.get(subcommand, str(subcommand))
        if block.command == 0x25 and subcommand == _PIPE_TRANSACT:
            request = _transacted(block.data, block.word(24))
            response = _transacted(reply.data, reply.word(14)) if reply and reply.count >= 10 else b""
            if request or response:
                further += self._memory.call(block.word(30), request, response)

    def _data(self, block: Block | None, reply: Block | None) -> Iterator[Row]:
        """Yield the rows of DCE/RPC that is written to a pipe or read from it."""
        try:
            if block and block.command == 0x2F and block.count >= 12:
                request = _transacted(block.data, block.word(22))
                if request:
                    yield from self._memory.call(block.word(4), request, b"")
            elif reply and reply.command == 0x2E and reply.count >= 7:
                response = _transacted(reply.data, reply.word(12))
                if response:
                    yield from self._memory.call(None, b"", response)
        except Malformed:
            return


def _transacted(data: bytes, offset: int) -> bytes:
    """Return the DCE/RPC message at this offset of the message; empty if there is none."""
    return data[offset:] if dce_rpc.carries(data, offset) else b""


def _dos(status: int) -> str:
    """Return a status that is not of NT: class and code, [MS-CIFS] 2.2.1.2."""
    return "STATUS_SUCCESS" if status == 0 else f"0x{status:08X}"


def _negotiate(block: Block | None, reply: Block | None, values: Values) -> None:
    """Add the dialect that the server chose of those offered."""
    offered = []
    if block:
        offered = [narrow(part[1:]) for part in block.bytes.split(b"\0") if part[:1] == b"\x02"][:64]
    if reply and reply.count >= 1:
        chosen = reply.word(0)
        values["dialect"] = offered[chosen] if chosen < len(offered) else None
        if reply.count >= 17:
            values["signing"] = "required" if reply.word(2, 1) & 8 else "optional"


def _share(ask: Header, block: Block) -> str:
    """Return the share that a TREE_CONNECT asks for."""
    if block.command == 0x75:
        return ask.text(block.data, block.start + block.word(6))[0]
    return narrow_until_nul(block.data, block.start + 1)[0]

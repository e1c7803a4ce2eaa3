"""What a connection of SMB has named so far: trees, open files, pipes and their calls, challenges of log-ins."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import TypeVar

from secwatch.sensor.protocols import gss, ntlm
from secwatch.sensor.protocols.dce_rpc import Association
from secwatch.sensor.protocols.numbers import nt_status
from secwatch.sensor.protocols.row import Row

MORE_PROCESSING = 0xC0000016
_MOST_TREES = 32
_MOST_FILES = 32
_MOST_PIPES = 16
_MOST_LOG_INS = 16
_LONGEST_NAME = 260
_Key = TypeVar("_Key")
_Item = TypeVar("_Item")
FileKey = bytes | int


def _remember(memory: OrderedDict[_Key, _Item], key: _Key, item: _Item, most: int) -> None:
    """Keep an item, and at most so many: the one that was kept longest is forgotten."""
    memory[key] = item
    if len(memory) > most:
        memory.popitem(last=False)


class Memory:
    """The names of one connection, all bounded."""

    def __init__(self) -> None:
        self._trees: OrderedDict[int, str] = OrderedDict()
        self._files: OrderedDict[FileKey, str] = OrderedDict()
        self._pipes: OrderedDict[FileKey, Association] = OrderedDict()
        self._challenges: OrderedDict[int, bytes] = OrderedDict()
        self._last = Association()  # the pipe that was written to last

    def tree(self, number: int) -> str:
        """Return the share of a tree, empty if it was not seen."""
        return self._trees.get(number, "")

    def add_tree(self, number: int, share: str) -> None:
        """Remember the share of a tree."""
        _remember(self._trees, number, share[:_LONGEST_NAME], _MOST_TREES)

    def is_pipe(self, tree: int) -> bool:
        """Return whether the tree is the share of named pipes."""
        return self.tree(tree).upper().endswith("\\IPC$") or self.tree(tree).upper() == "IPC$"

    def file(self, key: FileKey) -> str:
        """Return the name of an open file, empty if it was not seen."""
        return self._files.get(key, "")

    def add_file(self, key: FileKey, name: str, pipe: str | None) -> None:
        """Remember an open file or pipe."""
        _remember(self._files, key, name[:_LONGEST_NAME], _MOST_FILES)
        if pipe is not None:
            _remember(self._pipes, key, Association(pipe[:_LONGEST_NAME]), _MOST_PIPES)

    def call(self, key: FileKey | None, request: bytes, response: bytes) -> Iterator[Row]:
        """Yield the rows of DCE/RPC through the pipe of this file; None means the one that was written to last."""
        if key is not None:
            pipe = self._pipes.get(key)
            if pipe is None:
                pipe = Association()
                _remember(self._pipes, key, pipe, _MOST_PIPES)
            self._last = pipe
        yield from self._last.parse(request, response)

    def log_in(self, session: int, request: bytes, response: bytes, status: int | None) -> Iterator[Row]:
        """Yield the rows of a step of a log-in: of NTLM with the user, or of the ticket that is shown."""
        challenge = ntlm.token(response, ntlm.CHALLENGE)
        if challenge:
            _remember(self._challenges, session, challenge, _MOST_LOG_INS)
        succeeded = None if status is None else status == 0
        words = None if status is None else nt_status(status)
        yield from ntlm.rows("smb", request, self._challenges.get(session, b""), succeeded, words)
        yield from gss.application_rows(request)

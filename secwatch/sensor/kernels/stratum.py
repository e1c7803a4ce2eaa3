"""Finding the messages of Stratum, which miners speak with their pool: one JSON object a line.

The first segment must name the method; miners send their first message in one.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.letters import MOST_TEXT, begins_with, frame_line, has_word, is_digit, is_letter
from secwatch.sensor.kernels.reads import Bytes, byte
from secwatch.sensor.kernels.roles import ALONE, IGNORE, REQUEST, RESPONSE

_METHOD, _RESULT, _PARAMETERS = 1, 2, 4  # what a JSON object has, as bits
_MINING = np.frombuffer(b'"mining.', np.uint8)
_SUBMIT_LOGIN = np.frombuffer(b'"eth_submitlogin"', np.uint8)
_ETH_LOGIN = np.frombuffer(b'"eth_login"', np.uint8)
_LOGIN = np.frombuffer(b'"login"', np.uint8)
_PASS = np.frombuffer(b'"pass"', np.uint8)
_AGENT = np.frombuffer(b'"agent"', np.uint8)
_ID_KEY = np.frombuffer(b'"id"', np.uint8)
_METHOD_KEY = np.frombuffer(b'"method"', np.uint8)
_RESULT_KEY = np.frombuffer(b'"result"', np.uint8)
_ERROR_KEY = np.frombuffer(b'"error"', np.uint8)
_PARAMETERS_KEY = np.frombuffer(b'"params"', np.uint8)


@part
def recognise_stratum(data: Bytes, start: int, end: int) -> bool:
    """Return whether a JSON object with a method of a miner or a pool begins here."""
    if end - start < 8 or byte(data, start) != 123:
        return False
    has, _, method = _look(data, start, end)
    if not has & _METHOD:
        return False
    if begins_with(data, method, end, _MINING) or begins_with(data, method, end, _SUBMIT_LOGIN):
        return True
    if begins_with(data, method, end, _ETH_LOGIN):
        return True
    if not begins_with(data, method, end, _LOGIN) or not has & _PARAMETERS:
        return False
    return has_word(data, start, end, _PASS) or has_word(data, start, end, _AGENT)


@part
def frame_stratum(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Frame a line of JSON; give up what is no text."""
    if start < end:
        first = byte(data, start)
        if first < 32 and first != 13 and first != 10 and first != 9:
            return -1, 0
    return frame_line(data, start, end)


@part
def role_stratum(data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """A method of the miner waits for the result with its identifier; what the pool tells stands alone."""
    if start >= end or byte(data, start) != 123:
        return IGNORE, 0
    has, key, _ = _look(data, start, end)
    if has & _METHOD:
        return (REQUEST if from_source else ALONE), key
    if has & _RESULT:
        return (IGNORE if from_source else RESPONSE), key
    return IGNORE, 0


@part
def _look(data: Bytes, start: int, end: int) -> tuple[int, int, int]:
    """Return what the keys of the outermost object are, a number for its id, and where the value of its method is."""
    has, key, method = 0, 0, end
    depth = 0
    begin = -1  # of the string that is being read
    offset = start
    end = min(end, start + MOST_TEXT)
    while offset < end:
        value = byte(data, offset)
        if begin >= 0:
            if value == 92:
                offset += 1
            elif value == 34:
                after = _skip_blanks(data, offset + 1, end)
                if depth == 1 and after < end and byte(data, after) == 58:
                    place = _skip_blanks(data, after + 1, end)
                    if begins_with(data, begin, end, _ID_KEY):
                        key = _identifier(data, place, end)
                    elif begins_with(data, begin, end, _METHOD_KEY):
                        has |= _METHOD
                        method = place
                    elif begins_with(data, begin, end, _RESULT_KEY) or begins_with(data, begin, end, _ERROR_KEY):
                        has |= _RESULT
                    elif begins_with(data, begin, end, _PARAMETERS_KEY):
                        has |= _PARAMETERS
                begin = -1
        elif value == 34:
            begin = offset
        elif value == 123 or value == 91:
            depth += 1
        elif value == 125 or value == 93:
            depth -= 1
        offset += 1
    return has, key, method


@part
def _skip_blanks(data: Bytes, start: int, end: int) -> int:
    offset = start
    while offset < end and byte(data, offset) == 32:
        offset += 1
    return offset


@part
def _identifier(data: Bytes, start: int, end: int) -> int:
    """Return a number of 16 bits for an identifier: its last bits if it is a number, else a hash of its letters."""
    number = 0
    for offset in range(start, min(end, start + 24)):
        value = byte(data, offset)
        if value == 34 and offset == start:
            continue
        if is_digit(value):
            number = (number * 10 + value - 48) & 0xFFFFFF
        elif is_letter(value):
            number = (number * 31 + value) & 0xFFFFFF
        else:
            break
    return number & 0xFFFF

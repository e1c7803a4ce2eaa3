"""What numbers of Windows protocols are called; names and their sources are in `numbers.toml` beside this file."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path


@cache
def _names(table: str) -> dict[int, str]:
    return {int(number, 0): name for number, name in _file()[table].items() if number != "source"}


@cache
def _file() -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_name("numbers.toml").read_text(encoding="utf-8"))


def nt_status(number: int) -> str:
    """Return the name of an NT status, or the number in hexadecimal."""
    return _names("nt_status").get(number) or f"0x{number:08X}"


def call_fault(number: int) -> str:
    """Return the name of a fault of DCE/RPC, or the number in hexadecimal."""
    return _names("call_fault").get(number) or f"0x{number:08X}"


def windows_error(number: int) -> str:
    """Return the name of what an operation returned, a Windows error or an NT status, or the number."""
    return _names("windows_error").get(number) or nt_status(number)


def kerberos_error(number: int) -> str:
    """Return the name of an error of Kerberos, or the number."""
    return _names("kerberos_error").get(number) or str(number)


def encryption_type(number: int) -> str:
    """Return the name of an encryption type of Kerberos, or the number."""
    return _names("encryption_type").get(number) or str(number)


def pre_authentication_type(number: int) -> str:
    """Return the name of a kind of pre-authentication data of Kerberos, or the number."""
    return _names("pre_authentication").get(number) or str(number)


def ldap_result(number: int) -> str:
    """Return the name of a result of LDAP, or the number."""
    return _names("ldap_result").get(number) or str(number)

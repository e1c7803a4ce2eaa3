"""Reading the configuration: files by precedence, environment, and every mistake reported at once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import msgspec

from secwatch.core.errors import ConfigurationInvalid
from secwatch.system.paths import CONFIGURATION_NAME, Place
from secwatch.system.settings import LEGAL_DAYS, General, Lake, Settings

_MAX_BYTES = 4 << 20
ENVIRONMENT_PREFIX = "SECWATCH_"


@dataclass(frozen=True)
class Layer:
    """One source of configuration values, and what to call it when one of them is wrong."""

    name: str
    values: Mapping[str, Any]


def candidates(place: Place, explicit: str | None) -> list[Path]:
    """Return the configuration files from the weakest to the strongest, whether they exist or not."""
    home = os.environ.get("XDG_CONFIG_HOME")
    user = (Path(home) if home else Path("~/.config").expanduser()) / "secwatch" / CONFIGURATION_NAME
    ordered = [Path("/etc/secwatch") / CONFIGURATION_NAME, user, place.configuration_file]
    if explicit:
        ordered.append(Path(explicit))
    unique: dict[Path, Path] = {}
    for path in ordered:  # a file named twice counts where it is strongest
        unique.pop(path.resolve(), None)
        unique[path.resolve()] = path
    return list(unique.values())


def load(place: Place, explicit: str | None = None) -> Settings:
    """Return the settings in force: environment > --config > workspace > user > /etc > built-in.

    Raise ConfigurationInvalid with every mistake of every file in `problems`.
    """
    problems: list[str] = []
    layers = list(_file_layers(place, explicit, problems))
    layers.append(_environment_layer())
    merged: dict[str, Any] = {}
    for layer in layers:
        before = len(problems)
        problems.extend(f"{layer.name}: {text}" for text in _check(layer.values, Settings, ()))
        if len(problems) == before:
            _merge(merged, layer.values)
    if not problems:
        _inherit_policies(merged)
        problems.extend(f"configuration: {text}" for text in _check(merged, Settings, (), complete=True))
        problems.extend(_references(merged))
    if problems:
        count = len(problems)
        raise ConfigurationInvalid(
            f"the configuration has {count} mistake{'s' if count > 1 else ''}: {'; '.join(problems)}",
            "see every key and its default with: secwatch config example",
            tuple(problems),
        )
    return msgspec.convert(merged, Settings, strict=False)


def _file_layers(place: Place, explicit: str | None, problems: list[str]) -> Iterator[Layer]:
    for path in candidates(place, explicit):
        wanted = explicit is not None and path == Path(explicit)
        try:
            with path.open("rb") as stream:
                raw = stream.read(_MAX_BYTES + 1)
            if len(raw) > _MAX_BYTES:
                problems.append(f"{path}: larger than {_MAX_BYTES >> 20} MiB")
                continue
            yield Layer(str(path), tomllib.loads(raw.decode("utf-8-sig")))
        except FileNotFoundError:
            if wanted:
                problems.append(f"{path}: there is no such file")
        except OSError as error:
            problems.append(f"{path}: cannot be read: {error.strerror}")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            problems.append(f"{path}: not TOML: {error}")
        except RecursionError:
            problems.append(f"{path}: nested too deeply")


def _environment_layer() -> Layer:
    """SECWATCH_SCAN__THREADS=4 sets [scan] threads; two underscores separate tables."""
    values: dict[str, Any] = {}
    for name, text in sorted(os.environ.items()):
        path = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        if not name.startswith(ENVIRONMENT_PREFIX) or len(path) < 2:
            continue
        table = values
        for key in path[:-1]:
            inner = table.setdefault(key, {})
            table = inner if isinstance(inner, dict) else table
        table[path[-1]] = text
    return Layer("environment", values)


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, Mapping):
            target = into.setdefault(key, {})
            if isinstance(target, dict):
                _merge(target, value)
                continue
        into[key] = value


def _inherit_policies(merged: dict[str, Any]) -> None:
    """A job's policy is [backup.defaults] with the job's own keys over it."""
    backup = merged.get("backup", {})
    defaults = backup.get("defaults", {})
    for job in backup.get("jobs", {}).values():
        job["policy"] = {**defaults, **job.get("policy", {})}


def _references(merged: Mapping[str, Any]) -> Iterator[str]:
    zone = merged.get("general", {}).get("time_zone", General().time_zone)
    try:
        ZoneInfo(zone)
    except (LookupError, ValueError, OSError):
        yield f"configuration: table [general], key time_zone: there is no time zone {zone!r}"
    lake = merged.get("lake", {})
    days = str(lake.get("keep_days", Lake().keep_days))
    if days.isdecimal() and int(days) < LEGAL_DAYS and not str(lake.get("keep_less_because", "")).strip():
        yield (
            f"configuration: table [lake], key keep_days: {days} days are less than the six months ({LEGAL_DAYS} days)"
            " that the law asks of network logs; say in keep_less_because why that is lawful here"
        )
    backup = merged.get("backup", {})
    repositories = backup.get("repositories", {})
    for name, job in backup.get("jobs", {}).items():
        if job.get("repository") not in repositories:
            known = ", ".join(sorted(repositories)) or "none"
            yield (
                f"configuration: table [backup.jobs.{name}], key repository: "
                f"there is no repository {job.get('repository')!r} (known: {known})"
            )
    for name, repository in repositories.items():
        ways = [key for key in ("password_file", "password_command", "password_credential") if repository.get(key)]
        if len(ways) != 1:
            yield (
                f"configuration: table [backup.repositories.{name}]: give exactly one of "
                "password_file, password_command, password_credential"
            )


def _check(values: Any, kind: Any, path: tuple[str, ...], *, complete: bool = False) -> Iterator[str]:
    """Yield every mistake of a table against its struct; missing required keys only when `complete`."""
    where = f"table [{'.'.join(path)}]" if path else "top level"
    if not isinstance(values, Mapping):
        yield f"{where}: must be a table"
        return
    hints = get_type_hints(kind, include_extras=True)
    fields = {item.name: item for item in msgspec.structs.fields(kind)}
    tag = kind.__struct_config__.tag_field
    for key, value in values.items():
        if key == tag:
            if value != kind.__struct_config__.tag:
                yield f"{where}, key {key}: must be {kind.__struct_config__.tag!r}"
        elif key not in fields:
            yield f"{where}: unknown key {key!r} (known: {', '.join(sorted(fields))})"
        else:
            yield from _check_value(value, hints[key], (*path, key), complete)
    if complete or (path and path[-1].startswith("#")):
        if tag and tag not in values:
            yield f"{where}: key {tag} is missing"
        for name, item in fields.items():
            if item.required and name not in values:
                yield f"{where}: key {name} is missing"


def _check_value(value: Any, hint: Any, path: tuple[str, ...], complete: bool) -> Iterator[str]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield from _check(value, hint, path, complete=complete)
        return
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is dict and isinstance(value, Mapping) and issubclass(arguments[1], msgspec.Struct):
        for name, item in value.items():
            yield from _check_leaf(name, arguments[0], (*path, name))
            yield from _check(item, arguments[1], (*path, name), complete=complete)
        return
    inner = arguments[0] if hasattr(hint, "__metadata__") else hint
    item_kind = get_args(inner)[0] if get_origin(inner) is tuple else None
    if isinstance(item_kind, type) and issubclass(item_kind, msgspec.Struct) and isinstance(value, list):
        for number, item in enumerate(value, 1):
            yield from _check(item, item_kind, (*path, f"#{number}"), complete=complete)
        if not value:
            yield from _check_leaf(value, hint, path)
        return
    yield from _check_leaf(value, hint, path)


def _check_leaf(value: Any, hint: Any, path: tuple[str, ...]) -> Iterator[str]:
    try:
        msgspec.convert(value, hint, strict=not isinstance(value, str))
    except msgspec.ValidationError as error:
        table = f"table [{'.'.join(path[:-1])}], " if len(path) > 1 else ""
        text = str(error).replace("`", "'")
        text = text[:1].lower() + text[1:]
        if "matching regex" in text:
            text = f"not a valid value: {value!r}"
        yield f"{table}key {path[-1]}: {text}"

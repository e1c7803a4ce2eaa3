"""`secwatch rules import`, `update`, `packs`, `remove`: sets of rules that others have written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.commands.rules_in_use import packs_in_use, rule_files, switches
from secwatch.core.errors import ExitCode, UsageProblem
from secwatch.core.escape import visible
from secwatch.core.model import Language, Text
from secwatch.system import lock
from secwatch.system.console import Output, announce, progress, show, table

if TYPE_CHECKING:
    from secwatch.scan.pack_sources import Taken
    from secwatch.scan.packs import Imported, Wanted
    from secwatch.store.packs import Pack

EXIT_CODES = (
    "Exit codes: 0 done, 1 not one rule file can be used, 2 usage, 3 done but some files were left out, "
    "or nothing could be read, 11 locked, 16 refused."
)
SHOWN = 10


@click.command(name="import", epilog=EXIT_CODES)
@click.argument("path", metavar="PATH")
@click.option("--name", metavar="NAME", help="Name of the pack; made of PATH if not given.")
@click.option("--licence", metavar="TEXT", default="", help="Licence of the pack, where its files do not say.")
@click.option("-n", "--dry-run", is_flag=True, help="Check it and keep nothing.")
@language_option
@output_options
@pass_application
def import_(
    application: Application, path: str, name: str | None, licence: str, dry_run: bool, output: Output
) -> ExitCode:
    """Import a pack of rules from a directory, a git checkout, a zip or a tar; every scan uses it then.

    Each file is a namespace of its own. Files that do not compile are left out and named with their
    line. The rules are copied: what happens at PATH later changes nothing before `rules update`.

    \b
    Example:
      secwatch rules import signature-base/ --name signature-base
      secwatch rules import rules-2026-11.zip --dry-run
    """
    from secwatch.scan.packs import Wanted, name_for

    wanted = Wanted(name_for(Path(path), name), Path(path), licence)
    if wanted.name in packs_in_use(application):
        raise UsageProblem(
            f"there is a pack {wanted.name!r} already", f"secwatch rules update {wanted.name} {path}, or --name"
        )
    return _bring_in(application, wanted, dry_run=dry_run, output=output)


@click.command(epilog=EXIT_CODES)
@click.argument("name", metavar="PACK")
@click.argument("path", metavar="[PATH]", required=False)
@click.option("-n", "--dry-run", is_flag=True, help="Check it and keep nothing.")
@language_option
@output_options
@pass_application
def update(application: Application, name: str, path: str | None, dry_run: bool, output: Output) -> ExitCode:
    """Import a pack again, from where it came from or from PATH; what is switched off stays off.

    If it cannot be read or not one file can be used, the pack stays as it was.

    \b
    Example:
      git -C signature-base pull && secwatch rules update signature-base
      secwatch rules update city-rules /media/usb/city-rules-2026-12.zip
    """
    from secwatch.scan.packs import Wanted

    pack = _known(application, name)
    wanted = Wanted(name, Path(path or pack.path), pack.licence)
    return _bring_in(application, wanted, dry_run=dry_run, output=output)


def _known(application: Application, name: str) -> Pack:
    pack = packs_in_use(application).get(name)
    if pack is None:
        raise UsageProblem(f"there is no pack {name!r}", "secwatch rules packs")
    return pack


def _bring_in(application: Application, wanted: Wanted, *, dry_run: bool, output: Output) -> ExitCode:
    from secwatch.scan import pack_sources, packs, rulebook

    place = application.place
    if place.state.resolve().is_relative_to(wanted.path.resolve()):
        raise UsageProblem(
            f"{wanted.path} holds what secwatch itself keeps in {place.state}", "name the directory of the rules alone"
        )
    if not dry_run:
        _ = application.database
    with (
        progress(Text("检查规则", "check the rules").to(application.language), output),
        lock.hold(place.runtime, "packs", wait_seconds=10),
    ):
        taken = pack_sources.take(wanted.path)
        database = None if dry_run else application.database
        before, only_signed = packs_in_use(application).get(wanted.name), application.settings.scan.signed_packs_only
        signed = packs.check_signature(taken, place.signers, before, only_signed=only_signed)
        imported = packs.bring_in(taken, wanted, place.packs, database, datetime.now(UTC), signed)
        others = rule_files(application, (), without=wanted.name)
        known = rulebook.load(others, "yara", place.cache / "rulebook").contents.rules if others else ()
    own = {rule.name for rule in imported.rules}
    clashes = packs.clashes([*imported.rules, *(rule for rule in known if rule.name in own)])
    _say(application, imported, taken, clashes, dry_run=dry_run, output=output)
    return ExitCode.INCOMPLETE if imported.pack.broken or taken.left_out else ExitCode.DONE


def _say(
    application: Application,
    imported: Imported,
    taken: Taken,
    clashes: Mapping[str, Sequence[str]],
    *,
    dry_run: bool,
    output: Output,
) -> None:
    language, pack = application.language, imported.pack
    flags = {flag: sum(flag in rule.flags for rule in imported.rules) for flag in ("private", "global", "slow")}
    data = {
        **as_data(pack, {}),
        **imported.changes(),
        "flags": flags,
        "left_out": [{"name": name, "reason": reason} for name, reason in taken.left_out],
        "clashes": [{"rule": name, "files": list(files)} for name, files in clashes.items()],
        "unchanged": imported.unchanged,
        "dry_run": dry_run,
    }
    origin = f"{visible(pack.source)} {pack.version[:12]}".strip()
    counts = Text(
        f"{len(pack.contents)} 个文件，{pack.rules} 条规则，许可 {pack.licence or '未知'}，来源 {origin}",
        f"{len(pack.contents)} files, {pack.rules} rules, licence {pack.licence or 'unknown'}, from {origin}",
    )
    began = Text("规则包", "rule pack") if not dry_run else Text("将导入规则包", "would import the rule pack")
    parts: list[Any] = [f"{began.to(language)} {pack.name}: {counts.to(language).strip()}"]
    if imported.before:
        changes = imported.changes()
        came = Text(
            f"新增 {changes['added']}，删除 {changes['removed']}，修改 {changes['changed']} 个文件",
            f"files added: {changes['added']}, removed: {changes['removed']}, changed: {changes['changed']}",
        )
        parts.append((Text("没有变化", "unchanged") if imported.unchanged else came).to(language))
    flagged = ", ".join(f"{name} {number}" for name, number in flags.items() if number)
    if flagged:
        parts.append(f"{Text('需留意的规则', 'rules to look at').to(language)}: {flagged}")
    parts += _left_out_tables(pack, taken.left_out, clashes, language)
    announce(output, data, *parts)


def _left_out_tables(
    pack: Pack, left_out: Sequence[tuple[str, str]], clashes: Mapping[str, Sequence[str]], language: Language
) -> list[Any]:
    chinese = language == "zh"
    parts: list[Any] = []
    if pack.broken or left_out:
        rows: list[tuple[object, ...]] = [(item["file"], item["line"] or "", item["message"]) for item in pack.broken]
        rows += [(name, "", reason) for name, reason in left_out]
        title = f"未使用的文件：{len(rows)}" if chinese else f"files left out: {len(rows)}"
        columns = ["文件", "行", "原因"] if chinese else ["file", "line", "reason"]
        parts.append(table(title, columns, _shortened(rows), right=(columns[1],)))
    if clashes:
        title = f"多个文件中同名的规则：{len(clashes)}" if chinese else f"names that several files have: {len(clashes)}"
        columns = ["规则", "文件"] if chinese else ["rule", "files"]
        parts.append(table(title, columns, _shortened([(name, ", ".join(found)) for name, found in clashes.items()])))
    return parts


def _shortened(rows: Sequence[tuple[object, ...]]) -> Sequence[tuple[object, ...]]:
    if len(rows) <= SHOWN:
        return rows
    return [*rows[:SHOWN], (f"… +{len(rows) - SHOWN}", *("" for _ in rows[0][1:]))]


@click.command(epilog="Exit codes: 0 done, 2 usage, 11 locked.")
@click.argument("name", metavar="[PACK]", required=False)
@language_option
@output_options
@pass_application
def packs(application: Application, name: str | None, output: Output) -> None:
    """List the packs that were imported; with PACK everything that is known of it, broken files too.

    \b
    Example:
      secwatch rules packs
      secwatch rules packs signature-base
    """
    language = application.language
    off = {switch.rule_file: switch.reason for switch in switches(application) if not switch.rule}
    if name is not None:
        pack = _known(application, name)
        data = as_data(pack, off)
        rows = [(key, "" if value is None else str(value)) for key, value in data.items() if key != "broken"]
        show(
            output, data, table(pack.name, ["", ""], rows, show_header=False), *_left_out_tables(pack, (), {}, language)
        )
        return
    found = packs_in_use(application).values()
    columns = ["规则包", "文件", "规则", "许可", "签名者", "状态", "来源"]
    if language == "en":
        columns = ["pack", "files", "rules", "licence", "signed by", "state", "source"]
    states = (Text("启用", "enabled"), Text("停用", "disabled"))
    table_rows = [
        (
            pack.name,
            len(pack.contents),
            pack.rules,
            pack.licence or Text("未知", "unknown").to(language),
            pack.signer or Text("无签名", "unsigned").to(language),
            states[pack.name in off].to(language),
            f"{pack.source} {pack.version[:12]}",
        )
        for pack in found
    ]
    nothing = Text("还没有导入规则包", "no pack has been imported yet").to(language)
    shown = table(None, columns, table_rows, right=(columns[1], columns[2])) if table_rows else nothing
    show(output, {"items": [as_data(pack, off) for pack in found]}, shown)


@click.command(epilog="Exit codes: 0 done, 2 usage, 11 locked.")
@click.argument("name", metavar="PACK")
@language_option
@output_options
@pass_application
def remove(application: Application, name: str, output: Output) -> None:
    """Remove a pack that was imported, and the switches of its rules; alerts that it made stay.

    \b
    Example:
      secwatch rules remove signature-base
    """
    from secwatch.scan import packs as scanned
    from secwatch.store import packs as store

    with lock.hold(application.place.runtime, "packs", wait_seconds=10):
        pack = _known(application, name)
        store.remove(application.database, name)
        scanned.tidy(application.place.packs, store.every(application.database))
    done = Text(f"已移除规则包 {name}", f"removed the rule pack {name}")
    announce(output, {"removed": name, "rules": pack.rules}, done.to(application.language))


def as_data(pack: Pack, off: Mapping[str, str]) -> dict[str, Any]:
    """Return a pack as JSON shows it."""
    from secwatch.core.moments import to_text

    return {
        "pack": pack.name,
        "kind": pack.kind,
        "source": pack.source,
        "version": pack.version or None,
        "path": pack.path,
        "licence": pack.licence or None,
        "author": pack.author or None,
        "signer": pack.signer or None,
        "sha256": pack.sha256,
        "files": len(pack.contents),
        "rules": pack.rules,
        "enabled": pack.name not in off,
        "disabled_because": off.get(pack.name),
        "imported_at": to_text(pack.imported_at),
        "updated_at": to_text(pack.updated_at),
        "broken": [dict(item) for item in pack.broken],
    }

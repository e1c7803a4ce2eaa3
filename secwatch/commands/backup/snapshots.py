"""`secwatch backup snapshots`: what can be gone back to."""

from __future__ import annotations

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.commands.backup import selection
from secwatch.core.model import Text
from secwatch.system.console import Output, show, table


@click.command(epilog=f"Exit codes: 0 done, 1 failed, 2 usage, {selection.ENDINGS}")
@click.argument("job")
@output_options
@language_option
@pass_application
def snapshots(application: Application, job: str, output: Output) -> None:
    """List the snapshots of a job, newest first.

    \b
    Example:
      secwatch backup snapshots finance-files
    """
    from backup import ledger
    from backup.restic import verbs

    (chosen,) = selection.chosen(application, [job])
    restic = selection.surroundings(application).restic(chosen)
    known = {record.id: record for record in ledger.snapshots(application.database, chosen)}
    pairs = [(found, known.get(found.id)) for found in reversed(verbs.snapshots(restic, chosen.tags))]
    items = [
        {
            "job": chosen.name,
            "repository": chosen.repository.name,
            "snapshot": found.id,
            "time": found.time,
            "host": found.host,
            "paths": list(found.paths),
            "files": record.files if record else None,
            "bytes": record.bytes if record else None,
            "bytes_added": record.bytes_added if record else None,
            "manifest": bool(record and record.manifest_sha256),
        }
        for found, record in pairs
    ]
    language = application.language
    heads = [
        Text("快照", "snapshot"),
        Text("时间（UTC）", "time (UTC)"),
        Text("文件", "files"),
        Text("总量", "size"),
        Text("新增", "added"),
        Text("比对清单", "manifest"),
    ]
    rows = [
        (
            found.id[:8],
            f"{found.time:%Y-%m-%d %H:%M:%S}",
            "—" if record is None or record.files is None else record.files,
            selection.size(record.bytes if record else None),
            selection.size(record.bytes_added if record else None),
            (Text("有", "yes") if record and record.manifest_sha256 else Text("无", "no")).to(language),
        )
        for found, record in pairs
    ]
    title = Text(f"{chosen.name} 的快照", f"Snapshots of {chosen.name}").to(language)
    show(output, {"items": items}, table(title, [head.to(language) for head in heads], rows))

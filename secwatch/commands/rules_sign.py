"""`secwatch rules new-key` and `sign`: packs that others can know to be ours."""

from __future__ import annotations

from pathlib import Path

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.core.errors import UnreadableInput, UsageProblem
from secwatch.core.model import Text
from secwatch.system.console import Output, announce

EXIT_CODES = "Exit codes: 0 done, 2 usage, 3 something cannot be read or written, 16 refused."


@click.command(name="new-key", epilog=EXIT_CODES)
@click.argument("path", metavar="FILE")
@language_option
@output_options
@pass_application
def new_key(application: Application, path: str, output: Output) -> None:
    """Make a key to sign packs with: FILE stays with you, FILE.pub goes to those who are to trust it.

    \b
    Example:
      secwatch rules new-key city-rules.key
    """
    from secwatch.trust import signatures

    public = signatures.new_key(Path(path))
    done = Text(f"私钥 {path}，公钥 {public}", f"private key {path}, public key {public}")
    announce(output, {"private_key": path, "public_key": str(public)}, done.to(application.language))


@click.command(epilog=EXIT_CODES)
@click.argument("path", metavar="DIR")
@click.option("--key", "key_file", metavar="FILE", required=True, help="Private key, made by `rules new-key`.")
@click.option("--version", default="", metavar="TEXT", help="Version of the pack.")
@click.option("--licence", default="", metavar="TEXT", help="Licence of the pack.")
@click.option("--author", default="", metavar="TEXT", help="Who made it.")
@language_option
@output_options
@pass_application
def sign(
    application: Application, path: str, key_file: str, version: str, licence: str, author: str, output: Output
) -> None:
    """Sign the rules of a directory: writes a manifest with the hash of every file, and its signature.

    \b
    Example:
      secwatch rules sign city-rules/ --key city-rules.key --version 2026-11 --licence MIT
    """
    from secwatch.scan import pack_sources
    from secwatch.system.writing import write_text
    from secwatch.trust import signatures

    directory = Path(path)
    if not directory.is_dir():
        raise UsageProblem(f"{path} is not a directory", "sign the directory, then pack it")
    taken = pack_sources.take(directory)
    if taken.left_out:
        name, reason = taken.left_out[0]
        raise UnreadableInput(f"{name} cannot be part of a pack: {reason}", "remove it, then sign")
    manifest = signatures.manifest_of({**taken.files, **taken.texts}, version, licence, author)
    signature = signatures.sign(manifest, Path(key_file))
    try:
        write_text(directory / signatures.MANIFEST, manifest.decode())
        write_text(directory / signatures.SIGNATURE, signature.decode())
    except OSError as error:
        raise UnreadableInput(f"{path} cannot be written: {error.strerror}", "check its permissions") from error
    done = Text(f"已签名 {len(taken.files)} 个规则文件", f"signed {len(taken.files)} rule files")
    announce(
        output,
        {"files": len(taken.files), "manifest": str(directory / signatures.MANIFEST)},
        done.to(application.language),
    )

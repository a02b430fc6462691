"""`bedside audit`: verify exported journals and hold them against each other, offline.

| Exit code | Meaning |
|---|---|
| 0 | good |
| 2 | the input cannot be read |
| 3 | bad; the first bad entry is named |
"""

import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from bedside.audit.archive import Archive, ArchiveError, open_archive
from bedside.audit.chain import Verdict, verify
from bedside.audit.checkpoint import CheckpointError, VerifierKey, parse_verifier_key
from bedside.audit.copies import ExportVerdict, verify_export
from bedside.audit.entry import EntryError
from bedside.audit.reconcile import Reconciliation, SignatureCheck, reconcile
from bedside.audit.records import device_keys, read_records
from bedside.audit.tiles import TileError
from bedside.audit.verify import DEVICE_JOURNAL, verify_device
from bedside.audit.witness import Received
from bedside.language import N_, translator
from bedside.language.furniture import file_words
from bedside.specialist.audit_reasons import reason_words
from bedside.specialist.audit_words import chain_words, export_words, reconciliation_words
from bedside.specialist.commands import HouseCommand, HouseGroup
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.errors import ExitCode
from bedside.vocabulary import SessionId, parse_session_id

__all__ = ["audit_app"]

_LANGUAGE = SpecialistConfig.from_environment().language
_ = translator(_LANGUAGE, "bedside-cli")

audit_app = typer.Typer(
    cls=HouseGroup,
    rich_markup_mode=None,
    no_args_is_help=True,
    help=_(N_("Verify exported journals offline, with neither side's help.")),
)

_UNREADABLE = (ArchiveError, CheckpointError, EntryError, TileError, OSError)
_Key = Annotated[
    list[str] | None,
    typer.Option(
        "--key", help=_(N_("The journal's verifier key, or a file with it, from elsewhere."))
    ),
]
_Json = Annotated[bool, typer.Option("--json", help=_(N_("Print the result as JSON.")))]


@audit_app.command("verify", cls=HouseCommand, help=_(N_("Verify an exported journal.")))
def verify_command(
    file: Annotated[
        Path, typer.Argument(help=_(N_("The export: .zip, .tar, a folder, or journal.jsonl.")))
    ],
    key: _Key = None,
    as_json: _Json = False,  # noqa: FBT002 - typer's own way to spell a flag
) -> None:
    """Exit 0 when every entry stands as it was written, 3 naming the first that does not."""
    try:
        verdict = _judge(file, _keys(key))
    except _UNREADABLE as error:
        _refuse(file, error)
    _tell(verdict, as_json=as_json)


@audit_app.command(
    "reconcile",
    cls=HouseCommand,
    help=_(N_("Hold the console's journal and a device's against each other.")),
)
def reconcile_command(
    console: Annotated[Path, typer.Argument(help=_(N_("The console's export.")))],
    device: Annotated[Path, typer.Argument(help=_(N_("The device's own export.")))],
    key: _Key = None,
    session: Annotated[
        str | None, typer.Option(help=_(N_("Also count the entries of this session.")))
    ] = None,
    as_json: _Json = False,  # noqa: FBT002 - typer's own way to spell a flag
) -> None:
    """Exit 0 when the two journals vouch for each other, 3 naming what is missing or changed."""
    try:
        result = _compare(console, device, _keys(key), _session(session))
    except _UNREADABLE as error:
        _refuse(console, error)
    _tell(result, as_json=as_json)


def _judge(file: Path, keys: list[VerifierKey]) -> Verdict | ExportVerdict:
    if file.suffix == ".jsonl":
        with file.open("rb") as lines:
            return verify(lines)
    with open_archive(file) as archive:
        if _is_device(archive):
            return verify_device(archive)[0]
        return verify_export(archive, keys)


def _is_device(archive: Archive) -> bool:
    # A bare tlog-tiles folder has no manifest: it is a log.
    if "manifest.json" not in archive.names:
        return False
    return archive.read_object("manifest.json").get("kind") == DEVICE_JOURNAL


def _compare(
    console: Path, device: Path, keys: list[VerifierKey], session: SessionId | None
) -> Reconciliation:
    with open_archive(console) as left, open_archive(device) as right:
        records = read_records(left, right, keys)
        check = _signature_check(device_keys(left, records.device.device))
    return reconcile(records.console, records.device, check_signature=check, session=session)


def _signature_check(known: Mapping[str, str]) -> SignatureCheck:
    from bedside.pki.signing import (
        REPORT,
        SignatureError,
        load_public_key,
        pre_authentication,
    )
    from bedside.pki.signing import verify as is_signature

    def check(batch: Received, payload: bytes) -> bool:
        try:
            public_key = load_public_key(known[batch.key_id])
            signature = b64decode(batch.signature, validate=True)
        except (KeyError, SignatureError, Base64Error):
            return False
        return is_signature(public_key, signature, pre_authentication(payload, REPORT))

    return check


def _keys(given: Iterable[str] | None) -> list[VerifierKey]:
    texts = (
        Path(each).read_text(encoding="utf-8") if Path(each).is_file() else each
        for each in given or ()
    )
    return [parse_verifier_key(text) for text in texts]


def _session(text: str | None) -> SessionId | None:
    try:
        return None if text is None else parse_session_id(text)
    except ValueError:
        raise typer.BadParameter(_(N_("This is not the id of a session."))) from None


def _refuse(path: Path, error: Exception) -> NoReturn:
    typer.echo(
        "✗ " + _(N_("{path} cannot be read: {error}")).format(path=path, error=_reason(error)),
        err=True,
    )
    raise typer.Exit(ExitCode.USAGE) from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return file_words(error, _LANGUAGE)
    return reason_words(error, _)


def _tell(result: Verdict | ExportVerdict | Reconciliation, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"good": result.good} | asdict(result), default=_plain, indent=2))
    elif isinstance(result, Reconciliation):
        typer.echo("\n".join(reconciliation_words(result, _)))
    elif isinstance(result, ExportVerdict):
        typer.echo("\n".join(export_words(result, _)))
    else:
        typer.echo("\n".join(chain_words(result, _)))
    if not result.good:
        raise typer.Exit(ExitCode.BAD_JOURNAL)


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)

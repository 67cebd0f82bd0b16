"""`stream-anon audit` and `stream-anon verify`: what a file still shows, and its record."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream_anon.cli.console import ProgressLine, count, err, log_to_console, out, say
from stream_anon.core import dependencies
from stream_anon.core.address import parse_time
from stream_anon.errors import EXIT_EXPOSED, EXIT_INCOMPLETE, EXIT_OK

if TYPE_CHECKING:
    from stream_anon.audit.aligning import Cut
    from stream_anon.audit.findings import Findings
    from stream_anon.audit.people import Person
    from stream_anon.pipeline.auditing import AuditFiles

AUDIT_EPILOG = """Exit codes
  0    no face is exposed
  3    a face is exposed, or a video cannot be read
  6    no face was seen exposed, but part of the video could not be compared
The others are those of `stream-anon redact`."""

CODES = {"exposed": EXIT_EXPOSED, "incomplete": EXIT_INCOMPLETE, "hidden": EXIT_OK}
_NAMED = 5
"""People, and exposures of one person, that are told in the terminal."""


def audit(
    original: Annotated[
        Path, typer.Argument(metavar="ORIGINAL", help="Video or picture as it was.")
    ],
    redacted: Annotated[
        Path, typer.Argument(metavar="REDACTED", help="The same, redacted by whatever program.")
    ],
    tracks: Annotated[
        Path | None,
        typer.Option(
            help='Judge its places too; tracks with "hide": false are left clear on purpose.',
            metavar="FILE.json",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(help="Write a report to read: one file, no network.", metavar="FILE.html"),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(help="Write the record, with hashes of all files.", metavar="FILE.json"),
    ] = None,
    sign: Annotated[
        Path | None,
        typer.Option(help="Sign the record with this Ed25519 private key.", metavar="KEY.pem"),
    ] = None,
    video_track: Annotated[
        int | None,
        typer.Option(help="Of ORIGINAL, from 1 (the one that players show).", min=1, metavar="N"),
    ] = None,
    offset: Annotated[
        str | None,
        typer.Option(
            help="REDACTED is a part of ORIGINAL that begins there (its report says so, or 0).",
            metavar="TIME",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> Callable[[], int]:
    """Look for faces in ORIGINAL, and tell which of them REDACTED still shows.

    It knows nothing of how the video was redacted.
    """
    log_to_console("error" if quiet else "warning")
    dependencies.check()
    from stream_anon.pipeline.auditing import AuditFiles  # noqa: PLC0415 - loads late

    files = AuditFiles(tracks, html, json, sign, overwrite)
    cut = None
    if offset is not None:
        from stream_anon.audit.aligning import Cut  # noqa: PLC0415 - loads late

        cut = Cut(float(parse_time(offset)))
    return partial(
        run_audit, original, redacted, files, video_track=video_track, cut=cut, quiet=quiet
    )


def run_audit(
    original: Path,
    redacted: Path,
    files: AuditFiles,
    *,
    video_track: int | None = None,
    cut: Cut | None = None,
    quiet: bool = False,
) -> int:
    """Audit a redacted video and tell the result.

    Raises:
        StreamAnonError: it could not be done.
    """
    from stream_anon.pipeline.auditing import audit_part  # noqa: PLC0415 - loads late

    with ProgressLine(redacted.name, shown=not quiet) as line:
        findings = audit_part(original, redacted, files, cut, video_track, line.tell)
    if findings.exposed or not quiet:
        _tell(str(redacted), findings)
    return CODES[findings.verdict]


def _tell(name: str, findings: Findings) -> None:
    people = len(findings.audited)
    of = "1 person" if people == 1 else f"{people} people"
    judged = f"{count(findings.face_frames, 'face')} of {of}"
    where = f"in {count(findings.counts.compared, 'frame')}"
    longest = findings.longest
    if findings.exposed:
        say(
            out,
            f"{name}: {findings.exposed} of {judged} {where} exposed, for up to "
            f"{count(longest.frames, 'frame')} ({longest.seconds * 1000:.0f} ms)",
        )
    elif findings.verdict == "hidden":
        say(out, f"{name}: no face exposed, {judged} {where} compared")
    else:
        say(out, f"{name}: no face seen exposed, but not all could be compared: {judged} {where}")
    shown = [item for item in enumerate(findings.people) if _is_shown(item[1])]
    for number, person in shown[:_NAMED]:
        say(out, f"  person {number}{_named(person)}: {_exposures(findings, person)}")
    if len(shown) > _NAMED:
        say(out, f"  and {len(shown) - _NAMED} more")
    for note in _notes(findings):
        say(err, f"note: {note}")


def _is_shown(person: Person) -> bool:
    return bool(person.exposed) and not person.kept


def _named(person: Person) -> str:
    return f" ({person.name})" if person.name else ""


def _exposures(findings: Findings, person: Person) -> str:
    found = list(person.exposures())
    told = [
        f"frame {first}" if first == last else f"frames {first}-{last}"
        for first, last in found[:_NAMED]
    ]
    more = ", …" if len(found) > _NAMED else ""
    return f"{', '.join(told)}{more} (from {findings.time_of(found[0][0]):.2f} s)"


def _notes(findings: Findings) -> list[str]:
    counts, left = findings.counts, findings.leftovers
    notes: list[str] = []
    if (cut := findings.cut) is not None:
        rest = f"{count(counts.outside, 'frame')} of the original are no part of it"
        notes.append(f"the redacted video begins at {cut.begin:g} s, says {cut.source}: {rest}")
    if findings.elsewhere is not None:
        notes.append(
            f"it rather begins at {findings.elsewhere:.2f} s, where the pictures fit clearly "
            f"better: audit it again with --offset {findings.elsewhere:.2f}"
        )
    if counts.lost:
        notes.append(f"{count(counts.lost, 'frame')} of the original missing in the redacted video")
    if counts.added:
        notes.append(f"{count(counts.added, 'frame')} of the redacted video not in the original")
    if counts.unmatched:
        frames = count(counts.unmatched, "frame")
        notes.append(f"{frames} not compared: what they show is not what the original shows")
    if counts.moved:
        frames, most = count(counts.moved, "frame"), counts.largest_move * 1000
        notes.append(f"the times of {frames} were changed, by up to {most:.1f} ms")
    if abs(findings.delay) >= 0.002:
        late = "later" if findings.delay > 0 else "earlier"
        notes.append(f"the redacted video begins {abs(findings.delay) * 1000:.0f} ms {late}")
    if left.tags:
        notes.append(f"tags left in the output: {', '.join(left.tags)}")
    notes += [f"left in the output: {stream}" for stream in left.streams]
    visible = sum(person.exposed > 0 for person in findings.doubtful)
    if visible:
        notes.append(f"{count(visible, 'place')} that may be a face: visible, look there yourself")
    return notes + findings.notes


def verify(
    report: Annotated[
        Path, typer.Argument(metavar="REPORT", help="What --report or audit --json wrote.")
    ],
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="The redacted file that it is about.")
    ],
    original: Annotated[
        Path | None,
        typer.Option(help="Check the hash of the original too.", metavar="FILE"),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(help="Demand a signature by this Ed25519 public key.", metavar="KEY.pem"),
    ] = None,
    sealed: Annotated[
        Path | None,
        typer.Option(help="Check its seal too (OUTPUT.sealed, if it is there).", metavar="FILE"),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> Callable[[], int]:
    """Check that OUTPUT is the file that REPORT is about, and that nobody changed either.

    Exit code 0 where all is well, 3 where it is not.
    """
    dependencies.check()
    return partial(_verify, report, output, original, key, sealed, quiet=quiet)


def _verify(
    report: Path,
    output: Path,
    original: Path | None,
    key: Path | None,
    sealed: Path | None,
    *,
    quiet: bool,
) -> int:
    from stream_anon.pipeline.verifying import verify_record  # noqa: PLC0415 - loads late

    verified = verify_record(report, output, original=original, key=key, sealed=sealed)
    if not quiet:
        say(out, f"{output}: is the file that {report.name} is about")
        for note in verified:
            say(err, f"note: {note}")
    return EXIT_OK

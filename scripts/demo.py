"""Make a short video of a moving face, redact it, and say how it went."""

from __future__ import annotations

import sys
from pathlib import Path

from contact_sheet import contact_sheet, sample_frames
from footage import make_footage
from known_faces import audit

import stream_anon

SHOWN = 6
"""Pictures in the contact sheet."""


def main(folder: Path) -> int:
    """Run the demo in `folder`; 1 if a face is still readable."""
    folder.mkdir(parents=True, exist_ok=True)
    before, after, sheet = folder / "before.mp4", folder / "after.mp4", folder / "before-after.png"
    print("making a video with a face in it ...")
    footage = make_footage(before)
    print("redacting it ...")
    try:
        summary = stream_anon.redact(before, after, overwrite=True)
    except stream_anon.StreamAnonError as error:
        print(f"demo: {error}", file=sys.stderr)
        return error.exit_code
    found = audit(before, after, footage.faces)
    shown = [index for index, faces in enumerate(footage.faces) if faces]
    shown = [shown[len(shown) * k // SHOWN] for k in range(SHOWN)]
    originals, redacted = sample_frames(before, shown), sample_frames(after, shown)
    contact_sheet([(originals[k], redacted[k]) for k in shown], sheet)
    print(
        f"\nbefore   {before}\nafter    {after}\nsheet    {sheet}\n"
        f"speed    {summary.frames} frames in {summary.seconds:.1f} s, {summary.fps:.0f} frames/s\n"
        f"audit    {found.leaked} of {found.faces} faces still readable, "
        f"{found.collateral:.1%} of the rest of the picture changed"
    )
    return 1 if found.leaked else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo")))

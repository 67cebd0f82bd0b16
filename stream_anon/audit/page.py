"""An audit as one HTML file that needs nothing else: no scripts, no fonts, no network."""

from __future__ import annotations

import base64
import math
from html import escape
from typing import TYPE_CHECKING

from stream_anon.audit.charts import line_chart, timeline
from stream_anon.audit.findings import UNKNOWN
from stream_anon.audit.measure import LEAK
from stream_anon.core.credentials import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from stream_anon.audit.findings import Findings
    from stream_anon.audit.people import Person

MOST_PEOPLE = 80
"""Rows of the timeline; whoever is exposed comes first."""
MOST_RUNS = 12
"""Exposures of one person that are listed."""
NOTHING = "&ndash;"

STYLE = """
:root{color-scheme:light dark;--page:#f6f7f8;--card:#fff;--ink:#1e2428;--soft:#66717a;
--line:#e2e6e9;--hidden:#8fb3c9;--bad:#c8322b;--odd:#d9a441;--good:#2f7d5b;--kept:#b9a6d3}
@media(prefers-color-scheme:dark){:root{--page:#14181b;--card:#1d2226;--ink:#e4e8ea;--soft:#98a3ab;
--line:#30373c;--hidden:#4f7690;--bad:#ef6a5f;--odd:#c99a45;--good:#63b890;--kept:#85729f}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:36px 20px 60px}
h1{font-size:26px;font-weight:600;margin:0 0 4px}h2{font-size:16px;font-weight:600;margin:0 0 12px}
p{margin:0 0 10px}.soft{color:var(--soft)}.exposed{color:var(--bad)}.hidden{color:var(--good)}
.incomplete{color:var(--odd)}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:20px 22px;
margin-top:18px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;
margin-top:20px}
.cards div{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 16px}
.cards b{display:block;font-size:22px;font-weight:600;font-variant-numeric:tabular-nums}
.cards span{color:var(--soft);font-size:13px}
svg{width:100%;height:auto;display:block}svg text{fill:var(--soft);font:12px system-ui,sans-serif}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th{text-align:left;color:var(--soft);font-weight:500}
td,th{padding:5px 12px 5px 0;vertical-align:top;
border-bottom:1px solid var(--line)}tr:last-child td{border-bottom:0}
code{font:12px ui-monospace,Menlo,Consolas,monospace;word-break:break-all}
.shots{display:flex;flex-wrap:wrap;gap:14px}figure{margin:0;width:168px}
figure img{width:168px;height:168px;object-fit:contain;background:var(--page);border-radius:6px;
border:2px solid var(--line)}figure.exposed img{border-color:var(--bad)}
figcaption{font-size:12px;color:var(--soft)}
.key{display:inline-block;width:12px;height:12px;border-radius:3px;margin:0 5px -1px 14px}
ul{margin:0;padding-left:20px}
@media print{body{background:#fff}section,.cards div{break-inside:avoid}}
"""

HEADINGS = {
    "exposed": "Faces are exposed",
    "hidden": "No face is exposed",
    "incomplete": "No face was seen exposed, but not all could be compared",
}


def page(findings: Findings, record: Mapping[str, Any]) -> Iterator[str]:
    """The file, piece by piece.

    Args:
        findings: what is shown.
        record: what the JSON record says, with names and hashes.
    """
    name = escape(printable(str(record["redacted"]["name"])))
    original = escape(printable(str(record["original"]["name"])))
    verdict = findings.verdict
    yield (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>Audit of {name}</title>\n<style>{STYLE}</style></head>\n<body><main>\n"
        f'<h1 class="{verdict}">{HEADINGS[verdict]}</h1>\n'
        f'<p class="soft">{name}, compared with {original}</p>\n'
    )
    yield _cards(findings)
    yield _section("People", _people(findings))
    yield _section("Over time", _plots(findings))
    if findings.thumbnails:
        yield _section("Worst places, as the redacted video shows them", _pictures(findings))
    yield _section("Frames and file", _file(findings))
    yield _section("What this audit cannot know", _list(UNKNOWN))
    yield _section("Chain of custody", _custody(record))
    yield "</main></body></html>\n"


def _section(heading: str, body: str) -> str:
    return f"<section><h2>{heading}</h2>\n{body}</section>\n"


def _cards(findings: Findings) -> str:
    longest = findings.longest
    cards = {
        "faces exposed": f"{findings.exposed:,}",
        "faces judged": f"{findings.face_frames:,}",
        "longest exposure": f"{longest.seconds * 1000:.0f} ms" if longest.frames else "none",
        "people": f"{len(findings.audited):,}",
        "coverage": _percent(findings.coverage),
        "changed elsewhere": _percent(findings.collateral),
    }
    inside = "".join(
        f"<div><b>{value}</b><span>{what}</span></div>" for what, value in cards.items()
    )
    return f'<div class="cards">{inside}</div>\n'


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


# -- people -----------------------------------------------------------------------------------


def _ranked(findings: Findings) -> list[tuple[int, Person]]:
    """Numbers and people: the exposed first, then those who are seen longest; a limited number."""
    ranked = sorted(
        enumerate(findings.people),
        key=lambda item: (item[1].kept, -item[1].exposed, -len(item[1].frames)),
    )[:MOST_PEOPLE]
    return sorted(ranked, key=lambda item: item[0])


def title(number: int, person: Person) -> str:
    """How a person is called in the page."""
    return f"person {number}" + (f" ({printable(person.name)})" if person.name else "")


def _people(findings: Findings) -> str:
    if not findings.people:
        return "<p>No face was found in the original.</p>"
    ranked = _ranked(findings)
    rows = [(title(number, person), person) for number, person in ranked]
    keys = {
        "hidden": "hidden",
        "bad": "exposed",
        "odd": "not compared",
        **({"kept": "left clear on purpose"} if any(p.kept for p in findings.people) else {}),
    }
    legend = "".join(
        f'<span class="key" style="background:var(--{color})"></span>{what}'
        for color, what in keys.items()
    )
    left_out = len(findings.people) - len(ranked)
    more = f'<p class="soft">{left_out} more are in the JSON record.</p>' if left_out else ""
    return (
        f"{timeline(findings, rows)}<p class='soft'>{legend}</p>"
        "<table><tr><th>who<th>from<th>to<th>faces judged<th>exposed<th>longest<th>coverage"
        f"<th>exposed at</tr>{''.join(_row(findings, *item) for item in ranked)}</table>{more}"
    )


def _row(findings: Findings, number: int, person: Person) -> str:
    first, last = int(person.frames[0]), int(person.frames[-1])
    longest = findings.longest_of(person)
    found = list(person.exposures())
    times = [f"{findings.time_of(begin):.2f} s" for begin, _ in found[:MOST_RUNS]]
    where = ", ".join(times) + (", …" if len(found) > MOST_RUNS else "")
    bad = ' class="exposed"' if person.exposed and not person.kept else ""
    covered = person.share[person.share == person.share]
    coverage = _percent(1 - float(covered.mean())) if len(covered) else NOTHING
    cells = [
        escape(title(number, person)),
        f"{findings.time_of(first):.2f} s",
        f"{findings.end_of(last):.2f} s",
        f"{person.judged}",
        "left clear" if person.kept else f"{person.exposed}",
        f"{longest.seconds * 1000:.0f} ms" if longest.frames else NOTHING,
        coverage,
        where or NOTHING,
    ]
    return f"<tr{bad}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"


def _plots(findings: Findings) -> str:
    course = findings.course
    return (
        "<p class='soft'>How much of the most visible face can still be made out; above the line "
        "it counts as exposed.</p>"
        + line_chart(course.times, course.worst, color="bad", limit=LEAK, top=1.0)
        + "<p class='soft' style='margin-top:16px'>How much of the picture away from faces has "
        "changed.</p>"
        + line_chart(course.times, course.collateral, color="hidden", limit=None, top=None)
    )


def _pictures(findings: Findings) -> str:
    shots: list[str] = []
    for shot in findings.thumbnails:
        data = base64.b64encode(shot.jpeg).decode()
        who = escape(title(shot.number, findings.people[shot.number]))
        kind = ' class="exposed"' if shot.share > LEAK else ""
        shots.append(
            f'<figure{kind}><img alt="" src="data:image/jpeg;base64,{data}"><figcaption>{who}, '
            f"frame {shot.frame}, {findings.time_of(shot.frame):.2f} s: {_percent(shot.share)} "
            "visible</figcaption></figure>"
        )
    return f'<div class="shots">{"".join(shots)}</div>'


# -- the rest ---------------------------------------------------------------------------------


def _file(findings: Findings) -> str:
    counts, left = findings.counts, findings.leftovers
    rows = {
        "frames": f"{counts.original:,} in the original, {counts.redacted:,} in the redacted "
        f"video, {counts.compared:,} compared",
        **_part(findings),
        "lost and added": f"{counts.lost:,} lost, {counts.added:,} added",
        "times": f"{counts.moved:,} changed"
        + (f", by up to {counts.largest_move * 1000:.1f} ms" if counts.moved else "")
        + (f"; it begins {findings.delay * 1000:.0f} ms later" if round(findings.delay, 3) else ""),
        "another scene": f"{counts.unmatched:,} frames show something else than the original",
        "damaged": f"{counts.damaged:,} frames",
        "tags left": ", ".join(left.tags) or "none that tell anything",
        "streams left": "; ".join(left.streams) or "none but the picture",
        "a detector sees a face": f"at {counts.answered:,} of {counts.asked:,} places asked about",
        "doubtful faces": f"{len(findings.doubtful):,}, of which "
        f"{sum(person.exposed > 0 for person in findings.doubtful):,} are visible",
    }
    body = "".join(
        f"<tr><th>{what}</th><td>{escape(printable(value))}</td></tr>\n"
        for what, value in rows.items()
    )
    return f"<table>{body}</table>{_list(findings.notes) if findings.notes else ''}"


def _part(findings: Findings) -> dict[str, str]:
    """Of the original, where the redacted video is no more than that."""
    cut = findings.cut
    if cut is None:
        return {}
    end = "on" if cut.end is None or math.isinf(cut.end) else f"to {cut.end:g} s"
    elsewhere = findings.elsewhere
    better = "" if elsewhere is None else f"; its pictures fit better from {elsewhere:.2f} s on"
    return {
        "part of the original": f"from {cut.begin:g} s {end}, says {cut.source}{better}; "
        f"{findings.counts.outside:,} frames are no part of it"
    }


def _custody(record: Mapping[str, Any]) -> str:
    rows = {
        "original": record["original"]["sha256"],
        "redacted": record["redacted"]["sha256"],
        "settings of the audit": record["settings_sha256"],
        f"model {record['detector']['name']}": record["detector"]["model_sha256"],
        f"program {record['program']['version']}": record["program"]["sha256"],
    }
    body = "".join(
        f"<tr><th>{escape(str(what))}</th><td><code>{escape(str(value or 'not known'))}</code></td>"
        "</tr>\n"
        for what, value in rows.items()
    )
    return f"<table>{body}</table><p class='soft'>SHA-256.</p>"


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(printable(line))}</li>" for line in lines) + "</ul>"

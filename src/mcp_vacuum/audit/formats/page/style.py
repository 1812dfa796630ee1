"""The style sheet: light and dark, wide and narrow, screen and paper. No colour carries a meaning alone."""

from __future__ import annotations

from collections.abc import Iterable

from mcp_vacuum.audit.rule import Severity

_COLOURS = """
:root {
  color-scheme: light dark;
  --paper: #f6f7f9; --card: #fff; --ink: #16202c; --soft: #536072; --line: #d9dee6; --code: #eef1f5;
  --link: #1558b0; --critical: #a80f3c; --high: #b83b0b; --medium: #8a5a00; --low: #1a639c; --info: #566274;
  --good: #12703a; --rest: #c3cad4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0f151c; --card: #18212b; --ink: #e6ebf2; --soft: #9fadbe; --line: #2d3947; --code: #101820;
    --link: #8ab8ff; --critical: #ff7d9b; --high: #ff9a62; --medium: #f0c14f; --low: #74b9ff;
    --info: #a8b4c3;
    --good: #5cd68d; --rest: #475566;
  }
}
"""

_PAGE = """
* { box-sizing: border-box; }
html { scroll-padding-top: 5rem; }
body { margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: anywhere;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1, h2, h3, h4, p, ul, ol, dl, dd, figure { margin: 0; padding: 0; }
ul, ol { list-style: none; }
a { color: var(--link); text-underline-offset: .18em; }
a:focus-visible, summary:focus-visible, pre:focus-visible,
  label:focus-within { outline: 3px solid var(--link);
  outline-offset: 2px; border-radius: 4px; }
code, pre, .id, .head span, .label { font-family: ui-monospace, "SF Mono", Menlo, Consolas,
  "DejaVu Sans Mono", monospace; }
pre { margin: 0; padding: .75rem .9rem; background: var(--code); border-radius: 6px; font-size: .82rem;
  line-height: 1.5; white-space: pre-wrap; max-height: 28rem; overflow: auto; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
.part { margin-top: 2.75rem; }
.part > :is(h2, h3, h4) { font-size: 1.15rem; margin-bottom: .9rem; }
.remark, .took, .level, .doubt { color: var(--soft); font-size: .88rem; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft);
  font-size: .85rem; }
"""

_VERDICT = """
.verdict { background: var(--card); border: 1px solid var(--line); border-top: 6px solid var(--tone);
  border-radius: 10px; padding: 1.6rem 1.75rem; }
.verdict .target { font: 600 .95rem/1.4 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono",
  monospace;
  color: var(--soft); }
.verdict .words { display: flex; align-items: center; gap: .8rem; font-size: clamp(1.6rem, 5vw, 2.4rem);
  font-weight: 750; line-height: 1.15; letter-spacing: -.02em; margin: .35rem 0 .5rem; color: var(--tone); }
.verdict .words svg { flex: none; width: .95em; height: .95em; fill: none; stroke: var(--card);
  stroke-width: 3; stroke-linecap: round; }
.verdict .words circle { fill: var(--tone); stroke: none; }
.verdict .worst { max-width: 52rem; }
.tally { margin-top: 1.25rem; }
.tally svg { display: block; width: 100%; height: 12px; border-radius: 6px;
  box-shadow: inset 0 0 0 1px var(--rest); }
.tally ul { display: flex; flex-wrap: wrap; gap: .25rem 1.4rem; margin-top: .6rem; font-size: .88rem;
  color: var(--soft); }
.tally li::before { content: ""; display: inline-block; width: .7em; height: .7em; border-radius: 2px;
  margin-right: .45em; background: var(--tone); }
.tally b { color: var(--ink); }
.tone-good { --tone: var(--good); } .tone-rest { --tone: var(--rest); } .tone-none { --tone: transparent; }
.tally .tone-none::before { border: 1px solid var(--rest); }
rect { fill: var(--tone); }
.counts { display: grid; grid-template-columns: repeat(5, 1fr); gap: .6rem; border: 0; margin: 1.1rem 0 0;
  padding: 0; }
.counts legend { float: left; width: 100%; grid-column: 1 / -1; color: var(--soft); font-size: .88rem;
  padding: 0; }
.count { display: flex; align-items: center; gap: .5rem; background: var(--card);
  border: 1px solid var(--line);
  border-left: 5px solid var(--tone, var(--line)); border-radius: 8px; padding: .5rem .75rem;
  cursor: pointer; }
.count b { font-size: 1.35rem; line-height: 1; font-variant-numeric: tabular-nums; color: var(--tone); }
.count input { margin: 0 0 0 auto; accent-color: var(--tone); width: 1rem; height: 1rem; }
.count.none { cursor: default; color: var(--soft); }
.count.none b { color: var(--soft); } .count.none input { visibility: hidden; }
.count:not(:has(:checked)):not(.none) { opacity: .62; }
.brief { margin-top: 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.brief li + li { border-top: 1px solid var(--line); }
.brief a { display: grid; grid-template-columns: 5.6rem 8rem 1fr; gap: .2rem .6rem; align-items: baseline;
  padding: .5rem .75rem; color: inherit; text-decoration: none; line-height: 1.4; }
.brief a:hover .title { text-decoration: underline; } .brief .chip { justify-self: start; }
.brief .title::before { content: "✗ "; color: var(--tone); }
.brief .id { font-size: .84rem; color: var(--soft); }
"""

_FINDINGS = """
.finding { background: var(--card); border: 1px solid var(--line); border-left: 5px solid var(--tone);
  border-radius: 8px; padding: 1.15rem 1.35rem; }
.finding + .finding { margin-top: 1rem; }
.what { display: flex; flex-wrap: wrap; align-items: baseline; gap: .3rem .7rem; font-size: 1.08rem;
  line-height: 1.35; }
.what .id { font-size: .88rem; font-weight: 500; }
.what .title { flex: 1 1 20rem; } .what .title::before { content: "✗ "; color: var(--tone); }
.chip { font: 700 .72rem/1 system-ui, sans-serif; text-transform: uppercase; letter-spacing: .06em;
  padding: .34em .6em;
  border-radius: 4px; color: var(--card); background: var(--tone); align-self: center; }
.places { margin: .9rem 0; }
.places li { display: grid; gap: .15rem; padding: .55rem 0 .55rem .9rem;
  border-left: 2px solid var(--line); }
.where { font-size: .84rem; color: var(--soft); }
.why { font-weight: 550; }
.jump { font-size: .85rem; justify-self: start; }
.finding dl { display: grid; grid-template-columns: 4.5rem 1fr; gap: .35rem .75rem; }
.finding dt { color: var(--soft); font-size: .88rem; }
.sources { display: inline; font-size: .88rem; } .sources li { display: inline; }
.sources li + li::before { content: " · "; color: var(--soft); }
.examples { display: grid; grid-template-columns: 1fr 1fr; gap: .9rem; margin-top: 1rem; }
.example figcaption, .message figcaption { font-size: .78rem; color: var(--soft); margin-bottom: .3rem; }
.example pre { border-left: 3px solid var(--tone); height: calc(100% - 1.5rem); }
.bad { --tone: var(--high); } .good { --tone: var(--good); }
.bad figcaption::before { content: "✗ "; color: var(--tone); }
.good figcaption::before { content: "✓ "; color: var(--tone); }
.all-hidden { color: var(--soft); }
"""

_FLOW = """
.flow { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 0 1.1rem 1.1rem; }
.heads { position: sticky; top: 0; z-index: 2; display: grid; grid-auto-flow: column;
  grid-auto-columns: 1fr;
  gap: .5rem; padding: .8rem 0 .7rem; background: var(--card); border-bottom: 1px solid var(--line);
  border-radius: 10px 10px 0 0; text-align: center; }
.head b, .head span { display: block; line-height: 1.3; } .head b { font-size: .92rem; }
.head span { font-size: .74rem; color: var(--soft); }
.steps { position: relative; }
.lines { position: absolute; inset: 0; }
.lines .line { position: absolute; inset: 0 auto 0 0; border-left: 2px dotted var(--line); }
.step { position: relative; padding-top: .55rem; scroll-margin-top: 5rem; }
.step summary { display: block; cursor: pointer; border-radius: 6px; padding-bottom: .35rem; }
.step summary:hover .label { color: var(--link); }
.step:target summary { --card: color-mix(in srgb, var(--link) 12%, var(--paper)); background: var(--card); }
.quiet { position: relative; margin: .7rem 0 .3rem; }
.quiet > details > summary { cursor: pointer; padding: .45rem .6rem; background: var(--code);
  border: 1px dashed var(--rest); border-radius: 6px; font-size: .84rem; list-style: none; }
.quiet > details > summary::-webkit-details-marker { display: none; } .quiet .purpose { font-weight: 600; }
.quiet > details[open] { border-bottom: 1px dashed var(--rest); padding-bottom: .6rem; }
.caption { display: flex; justify-content: flex-start; gap: .5rem; font-size: .84rem;
  align-items: baseline; }
.caption > * { background: var(--card); }
.number { color: var(--soft); font-variant-numeric: tabular-nums; }
.took { font-size: .76rem; }
.purpose::after { content: " ▸"; color: var(--soft); }
details[open] > summary .purpose::after { content: " ▾"; }
.arrow { display: block; position: relative; text-align: center;
  border-bottom: 2px solid var(--shaft, var(--soft));
  padding-bottom: .1rem; line-height: 1.35; }
.label { display: inline-block; max-width: 100%; font-size: .75rem; background: var(--card);
  padding: 0 .3rem;
  vertical-align: bottom; }
.arrow::after { content: ""; position: absolute; bottom: -6px; z-index: 1;
  border: 5px solid transparent; }
.out::after { right: 0; border-left: 9px solid var(--shaft, var(--soft)); border-right: 0; }
.back { border-bottom-style: dashed; } .back::after { left: 0; border-right: 9px solid var(--shaft,
  var(--soft)); border-left: 0; }
.lost, .never { border-bottom-style: dotted; } .lost .label { color: var(--high); }
.lost { border: 0; } .lost::after { display: none; } .lost .label::before { content: "✕ "; }
.step[class*="sev-"] { --shaft: var(--tone); } .step[class*="sev-"] .back { border-bottom-width: 3px; }
.step[class*="sev-"] .back::after { bottom: -7px; }
.marks { position: relative; padding: .1rem 0 .3rem; }
.mark a { display: inline-block; background: var(--card); border: 1px solid var(--tone);
  border-radius: 6px; color: inherit;
  padding: .22rem .6rem .22rem .3rem; font-size: .85rem; text-decoration: none; line-height: 1.4; }
.mark code { font-size: .92em; color: var(--soft); }
.mark a:hover { text-decoration: underline; } .mark + .mark { margin-top: .3rem; }
.messages { position: relative; display: grid; grid-template-columns: 1fr 1fr; gap: .9rem;
  padding: .5rem 0 .9rem;
  background: var(--card); }
.beside { margin-top: .7rem; font-size: .88rem; color: var(--soft); }
"""

_REST = """
.fold { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .75rem 1.1rem;
  }
.fold + .fold { margin-top: .6rem; } .fold summary { cursor: pointer; }
.fold .reason { margin: 1rem 0 .3rem; font-weight: 600; }
.rules { columns: 2 22rem; column-gap: 2rem; font-size: .88rem; margin-top: .4rem; }
.rules li { break-inside: avoid; padding: .1rem 0; }
.rules .id { color: var(--soft); font-size: .82rem; }
.summary { width: 100%; border-collapse: collapse; background: var(--card); border: 1px solid var(--line);
  font-size: .92rem; }
.summary th, .summary td { text-align: left; padding: .5rem .75rem; border-bottom: 1px solid var(--line);
  vertical-align: top; }
.summary .n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.summary thead th { color: var(--soft); font-weight: 600; }
.scroll { overflow-x: auto; }
.target-of { margin-top: .75rem; } .target-of > summary { cursor: pointer; padding: .8rem 1.1rem;
  background: var(--card); border: 1px solid var(--line); border-left: 5px solid var(--tone);
  border-radius: 8px; }
.target-of > summary h2 { display: inline; font-size: 1rem; } .part + .target-of { margin-top: 1.75rem; }
.target-of[open] { margin-bottom: 2.5rem; } .target-of[open] > summary { margin-bottom: .75rem; }
"""

_NARROW = """
@media (max-width: 46rem) {
  main { padding: 1rem .75rem 3rem; } .verdict { padding: 1.15rem 1.1rem; }
  .counts { grid-template-columns: repeat(2, 1fr); }
  .examples, .messages { grid-template-columns: minmax(0, 1fr); } .finding { padding: 1rem; }
  .finding dl { grid-template-columns: 1fr; gap: .1rem; } .finding dd + dt { margin-top: .5rem; }
  .flow { padding: 0 .6rem .8rem; } .head b { font-size: .76rem; } .head span { font-size: .62rem; }
  .label { font-size: .68rem; padding: 0 .2rem; width: max-content; max-width: 74vw; text-align: left; }
  .arrow { text-align: left; } .media { display: none; } .rules { columns: 1; }
  .brief a { grid-template-columns: auto 1fr; } .brief .title { grid-column: 1 / -1; }
}
"""

_PAPER = """
@media print {
  :root { color-scheme: light; --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb;
    --code: #f3f3f3;
    --link: #000; --critical: #a80f3c; --high: #b83b0b; --medium: #8a5a00; --low: #1a639c; --info: #566274;
    --good: #12703a; --rest: #c3cad4; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 10.5pt; } main { padding: 0 2px; max-width: none; } .heads { position: static; }
  .counts input, .counts legend, .jump { display: none; } .purpose::after { content: "" !important; }
  .finding, .step, .message, .example { break-inside: avoid; } h2, h3 { break-after: avoid; }
  pre { max-height: none; } a { text-decoration: none; } .target-of::details-content, .fold::details-content
  { content-visibility: visible; height: auto; display: block; }
}
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
"""


def style(lanes: Iterable[int]) -> str:
    """Return the style sheet of a page whose drawings have so many lifelines each."""
    parts = (
        _COLOURS,
        _PAGE,
        _VERDICT,
        _FINDINGS,
        _FLOW,
        _REST,
        _severities(),
        _lanes(lanes),
        _NARROW,
        _PAPER,
    )
    return "".join(parts)


def _severities() -> str:
    """Give each severity its colour, and let its box hide what is as bad: no script is needed for that."""
    rules = []
    for severity in Severity:
        word = severity.word
        rules.append(f".sev-{word} {{ --tone: var(--{word}); }}\n")
        hidden = f"body:has([data-severity={word}]:not(:checked)) :is(.finding, .mark, .brief li).sev-{word}"
        rules.append(f"{hidden} {{ display: none; }}\n")
    return "".join(rules)


def _lanes(counts: Iterable[int]) -> str:
    return "".join(_lane_rules(count) for count in sorted(set(counts)))


def _lane_rules(count: int) -> str:
    """Place lifelines in the middle of equal columns, and stretch arrows from the first to another."""
    half = 50 / count
    rules = [f".lanes-{count} :is(.arrow, .marks) {{ margin-left: {half:.3f}%; }}\n"]
    for number in range(count):
        left, width = half * (2 * number + 1), 2 * half * number
        rules.append(f".lanes-{count} .line-{number} {{ left: calc({left:.3f}% - 1px); }}\n")
        rules.append(f".lanes-{count} .to-{number} .arrow {{ width: {width:.3f}%; }}\n")
    return "".join(rules)

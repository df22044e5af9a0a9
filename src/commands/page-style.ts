/** How every page looks: light and dark, on a phone and on paper. Holds no blank line, because pages have none. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2024; --faint: #60646c; --line: #dcdfe4; --wash: #f6f7f9;
  --enter: #18794e; --change: #915b00; --leave: #c1272d; --stay: #c3c7ce;
  --enter-wash: #e9f7ef; --change-wash: #fdf3df; --leave-wash: #fdecec; --note-wash: #eaf1fb; --note: #1d5bb0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15171a; --ink: #e6e8eb; --faint: #9ba1a9; --line: #31353b; --wash: #1d2024;
    --enter: #4cc38a; --change: #f1a10d; --leave: #ff8589; --stay: #4a4f57;
    --enter-wash: #12291f; --change-wash: #2e2310; --leave-wash: #361a1c; --note-wash: #16263d; --note: #7fb2ff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1.05rem; margin: 0; }
h4 { font-size: .95rem; margin: 1.25rem 0 .4rem; }
p { margin: .4rem 0; }
code {
  font: .9em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  background: var(--wash); border: 1px solid var(--line); border-radius: 4px; padding: .05em .3em;
}
code, bdi, td, dd { overflow-wrap: anywhere; }
.faint { color: var(--faint); }
.small { font-size: .875rem; }
.badge {
  display: inline-block; border: 1px solid currentcolor; border-radius: 1rem; padding: 0 .6rem;
  font-size: .8rem; font-weight: 600; vertical-align: middle;
}
.box { border: 1px solid var(--line); border-left-width: 4px; border-radius: 6px; padding: .6rem .9rem; margin: .75rem 0; }
.box > :first-child { margin-top: 0; }
.box > :last-child { margin-bottom: 0; }
.good { border-left-color: var(--enter); background: var(--enter-wash); }
.bad { border-left-color: var(--leave); background: var(--leave-wash); }
.warn { border-left-color: var(--change); background: var(--change-wash); }
.note { border-left-color: var(--note); background: var(--note-wash); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem; margin: 1rem 0; padding: 0; }
.tile { border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; background: var(--wash); }
.tile dt { color: var(--faint); font-size: .85rem; }
.tile dd { margin: 0; font-size: 1.5rem; font-weight: 650; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tile dd small { display: block; font-size: .8rem; font-weight: 400; color: var(--faint); }
.enter { color: var(--enter); }
.change { color: var(--change); }
.leave { color: var(--leave); }
.card { border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.1rem; margin: 1rem 0; }
.card > header { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: baseline; }
.counts { display: flex; flex-wrap: wrap; gap: .15rem 1.25rem; margin: .6rem 0 .4rem; padding: 0; list-style: none; }
.counts b { font-variant-numeric: tabular-nums; }
.bar { display: block; width: 100%; height: .55rem; border-radius: .3rem; background: var(--line); }
.bar .enter { fill: var(--enter); }
.bar .change { fill: var(--change); }
.bar .leave { fill: var(--leave); }
.bar .stay { fill: var(--stay); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
th, td { text-align: left; padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--faint); font-weight: 500; font-size: .85rem; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.people { list-style: none; margin: .4rem 0; padding: 0; }
.people > li { border-left: 3px solid var(--line); padding: .1rem 0 .1rem .7rem; margin: .55rem 0; break-inside: avoid; }
.people > li.in { border-left-color: var(--enter); }
.people > li.mod { border-left-color: var(--change); }
.people > li.out { border-left-color: var(--leave); }
.values { display: grid; grid-template-columns: minmax(5rem, max-content) 1fr; gap: 0 .9rem; margin: .2rem 0 0; font-size: .9rem; }
.values dt { color: var(--faint); overflow-wrap: anywhere; }
.values dd { margin: 0; }
del { color: var(--faint); }
ins { text-decoration: none; font-weight: 600; }
ul.plain { margin: .3rem 0; padding-left: 1.2rem; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .75rem; }
@media (max-width: 30rem) {
  main { padding: 1rem .8rem 3rem; }
  .values { grid-template-columns: minmax(4rem, 38%) 1fr; gap: 0 .6rem; }
}
@media print {
  :root {
    color-scheme: light;
    --paper: #fff; --ink: #000; --faint: #444; --line: #bbb; --wash: #fff; --stay: #ccc;
    --enter: #18794e; --change: #915b00; --leave: #c1272d; --note: #1d5bb0;
    --enter-wash: #fff; --change-wash: #fff; --leave-wash: #fff; --note-wash: #fff;
  }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  h2, h3, h4, header { break-after: avoid; }
  .box, .tile, tr { break-inside: avoid; }
  .bar { print-color-adjust: exact; }
  .scroll { overflow: visible; }
}
`

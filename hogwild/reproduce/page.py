"""The style of the page: one column, tables that scroll by themselves, light and dark.

Plots take their colours from the variables: four that colour-blind readers can tell apart, in a
darker and a lighter set.  Called by ``report``.
"""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #1c1e21; --faint: #6b7077; --rule: #d9dce1; --soft: #f4f5f7;
  --shade: rgb(0 0 0 / .28);
  --link: #a3341f;
  --c0: #0063a3; --c1: #c24d00; --c2: #00805c; --c3: #a8407f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181b; --ink: #e7e9ec; --faint: #8e949c; --rule: #363a40; --soft: #202327;
    --shade: rgb(255 255 255 / .3);
    --link: #ff9b7d; --c0: #63b8f0; --c1: #ff9f5a; --c2: #3fcfa2; --c3: #e69ccb;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 52rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.45rem; line-height: 1.25; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
h3 { padding-top: .75rem; border-top: 1px solid var(--rule); }
h4 { font-size: .95rem; font-weight: 600; margin: 1.5rem 0 .4rem; }
p, dl { margin: .6rem 0; max-width: 44rem; overflow-wrap: anywhere; }
a { color: var(--link); }
.whole { white-space: nowrap; }
.note { color: var(--faint); font-size: .875rem; }
/* shadows at the sides where there is more: covers of paper move along with the table */
.scroll {
  overflow-x: auto;
  background:
    linear-gradient(to right, var(--paper) 1.5rem, transparent 3rem) left / 3rem 100% local,
    linear-gradient(to left, var(--paper) 1.5rem, transparent 3rem) right / 3rem 100% local,
    linear-gradient(to right, var(--shade), transparent) left / 1rem 100% scroll,
    linear-gradient(to left, var(--shade), transparent) right / 1rem 100% scroll;
  background-repeat: no-repeat;
}
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem 1.1rem .25rem 0; text-align: left; white-space: nowrap; }
.n { text-align: right; }
th { border-bottom: 1px solid var(--faint); font-weight: 600; vertical-align: bottom; }
tbody tr + tr td { border-top: 1px solid var(--rule); }
figure { margin: 1.5rem 0; max-width: 36rem; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { color: var(--faint); font-size: .875rem; margin-top: .25rem; }
pre {
  overflow-x: auto; padding: .75rem; background: var(--soft); border-radius: 4px;
  font: .8rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace;
}
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; font-size: .9rem; }
dt { color: var(--faint); }
dd { margin: 0; }
@media (max-width: 30rem) { dl { display: block; } dd { margin: 0 0 .5rem; } }
"""

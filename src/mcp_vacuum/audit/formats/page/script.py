"""The script: comforts only. Without it the page shows, folds and filters all the same.

A link that ends in ``#hide=low,info`` opens the page with these severities unticked.
"""

from __future__ import annotations

SCRIPT = """
"use strict";
const all = (what) => Array.from(document.querySelectorAll(what));
const said = document.getElementById("shown");
const tell = () => {
  const found = all(".finding");
  const shown = found.filter((each) => getComputedStyle(each).display !== "none").length;
  said.textContent = shown === found.length ? "" : `${shown} of ${found.length} shown`;
};
const boxes = all("[data-severity]");
for (const box of boxes) box.addEventListener("change", tell);
const hide = () => {
  const hidden = new URLSearchParams(location.hash.slice(1)).get("hide");
  if (hidden === null || !said) return;
  for (const box of boxes) box.checked = !hidden.split(",").includes(box.dataset.severity);
  tell();
};
const reveal = () => {
  const there = document.getElementById(location.hash.slice(1));
  for (let up = there; up; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
  if (!there) return;
  if (there.classList.contains("step")) there.querySelector("details").open = true;
  there.scrollIntoView();
};
for (const follow of [hide, reveal]) {
  addEventListener("hashchange", follow);
  if (location.hash) follow();
}
let closed = [];
addEventListener("beforeprint", () => {
  closed = all("details.fold:not([open]), details.target-of:not([open])");
  for (const each of closed) each.open = true;
});
addEventListener("afterprint", () => { for (const each of closed) each.open = false; });
"""

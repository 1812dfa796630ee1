"""The script: comforts only. Without it the page shows, folds and filters all the same."""

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
if (said) for (const box of all("[data-severity]")) box.addEventListener("change", tell);
const reveal = () => {
  const there = document.getElementById(location.hash.slice(1));
  for (let up = there; up; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
  if (!there) return;
  if (there.classList.contains("step")) there.querySelector("details").open = true;
  there.scrollIntoView();
};
addEventListener("hashchange", reveal);
if (location.hash) reveal();
let closed = [];
addEventListener("beforeprint", () => {
  closed = all("details.fold:not([open]), details.target-of:not([open])");
  for (const each of closed) each.open = true;
});
addEventListener("afterprint", () => { for (const each of closed) each.open = false; });
"""

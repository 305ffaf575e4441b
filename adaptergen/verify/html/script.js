"use strict";
(() => {
  const find = document.getElementById("find");
  const query = document.getElementById("query");
  const cards = [...document.querySelectorAll(".card")];
  const theme = document.getElementById("theme");
  const themes = ["auto", "light", "dark"];

  const narrow = () => {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdict = find.elements.verdict.value;
    let shown = 0;
    for (const card of cards) {
      const fits = verdict === "all" || card.dataset.verdict === verdict;
      card.hidden = !(fits && words.every((word) => card.dataset.text.includes(word)));
      shown += !card.hidden;
    }
    document.getElementById("shown").value = `${shown} of ${cards.length}`;
    document.getElementById("nothing").hidden = shown > 0;
  };

  const paint = (name) => {
    document.documentElement.dataset.theme = name;
    theme.firstElementChild.textContent = name;
  };

  const remembered = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  };

  theme.addEventListener("click", () => {
    const next = themes[(themes.indexOf(document.documentElement.dataset.theme) + 1) % 3];
    paint(next);
    try {
      localStorage.setItem("theme", next);
    } catch {
      // Nothing is remembered where pages may not store anything.
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== query) {
      event.preventDefault();
      query.focus();
    }
  });
  find.addEventListener("input", narrow);
  find.addEventListener("submit", (event) => event.preventDefault());

  paint(themes.includes(remembered()) ? remembered() : "auto");
  theme.hidden = false;
  find.hidden = cards.length < 2;
  narrow();
})();

(() => {
  "use strict";
  const root = document.documentElement;
  const keep = (key, value) => { try { localStorage.setItem(key, value); } catch { /* file:// may refuse */ } };
  const kept = (key) => { try { return localStorage.getItem(key); } catch { return null; } };

  // The schedule that the reader chose last.
  for (const radio of document.querySelectorAll('input[name="schedule"]')) {
    if (radio.value === kept("gaslab-schedule")) radio.checked = true;
    radio.addEventListener("change", () => keep("gaslab-schedule", radio.value));
  }

  // Light, dark, or what the system says.
  const button = document.querySelector(".theme");
  const themes = ["auto", "light", "dark"];
  const show = (theme) => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    button.textContent = `Colors: ${theme}`;
    keep("gaslab-theme", theme);
  };
  let theme = themes.includes(kept("gaslab-theme")) ? kept("gaslab-theme") : "auto";
  show(theme);
  button.hidden = false;
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    show(theme);
  });

  // Rows of the heat table by words.
  const filter = document.querySelector(".filter");
  if (filter) {
    filter.hidden = false;
    filter.addEventListener("input", () => {
      const words = filter.value.toLowerCase().split(/\s+/);
      for (const row of document.querySelectorAll(".heat tbody tr")) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
    });
  }

  // What a shape stands for, at once and not after a second.
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  const told = new WeakMap();
  const tale = (element) => {
    if (!told.has(element)) {
      const title = element.querySelector(":scope > title");
      told.set(element, title ? title.textContent : "");
      if (title) title.remove();
    }
    return told.get(element);
  };
  document.addEventListener("pointermove", (event) => {
    let element = event.target;
    let text = "";
    while (element instanceof SVGElement && !text) {
      text = tale(element);
      element = element.parentNode;
    }
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, innerWidth - box.width - 8))}px`;
    tip.style.top = `${event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 12 : event.clientY + 18}px`;
  }, { passive: true });

  // Where in the contents the reader is.
  const links = new Map([...document.querySelectorAll("nav.toc a")].map((link) => [link.hash.slice(1), link]));
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.classList.remove("here");
      links.get(entry.target.id)?.classList.add("here");
    }
  }, { rootMargin: "-15% 0px -75% 0px" });
  for (const id of links.keys()) {
    const target = document.getElementById(id);
    if (target) watch.observe(target);
  }

  // The contents are open where there is room beside the text.
  const contents = document.querySelector("nav.toc details");
  if (contents && innerWidth < 1180) contents.open = false;
})();

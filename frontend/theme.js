// Sets theme and language before the first paint: the person's choice, else the system's.
(function () {
  var root = document.documentElement;
  function kept(storage, key) {
    try {
      return window[storage].getItem(key);
    } catch (_) {
      // A browser that keeps nothing still shows the page.
      return null;
    }
  }

  var theme = kept("localStorage", "theme");
  if (theme !== "light" && theme !== "dark" && theme !== "projector") {
    theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  root.dataset.theme = theme;

  // The head names its files relative to the address that the page was opened at. Views change the
  // address, and browsers then look for the icon beside the new one: so it gets its whole address
  // before any view does that.
  document.addEventListener("readystatechange", function () {
    document.querySelectorAll('link[rel~="icon"]').forEach(function (link) {
      link.href = link.href;
    });
  });

  // A language that an address asks for holds as long as the tab is open; one that was chosen in
  // the page holds for good.
  function known(tag) {
    var main = String(tag || "").toLowerCase().split(/[-_]/)[0];
    return main === "ko" || main === "en" ? main : null;
  }
  var asked = known(new URLSearchParams(location.search).get("lang"));
  if (asked) {
    try {
      sessionStorage.setItem("language", asked);
    } catch (_) {
      // Then it holds for this page.
    }
  }
  var systems = (navigator.languages || [navigator.language]).map(known).filter(Boolean);
  root.lang =
    asked || known(kept("sessionStorage", "language")) || known(kept("localStorage", "language")) || systems[0] || "en";
})();

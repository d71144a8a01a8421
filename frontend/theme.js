// Sets the theme before the first paint: the person's choice, else the system's.
(function () {
  var theme = null;
  try {
    theme = localStorage.getItem("theme");
  } catch (_) {
    // A browser that keeps nothing still shows the page.
  }
  if (theme !== "light" && theme !== "dark" && theme !== "projector") {
    theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  document.documentElement.dataset.theme = theme;
})();

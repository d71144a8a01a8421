// The page of the API: the document in Swagger UI, and lines that name this lab.
(function () {
  // The lab may lie below a path of its host; this script lies at its top.
  var base = new URL(".", document.currentScript.src).pathname.replace(/\/$/, "");
  var lab = location.origin + base;
  var root = document.documentElement;
  root.classList.toggle("dark-mode", root.dataset.theme === "dark");

  document.querySelectorAll("[data-lines] code").forEach(function (code) {
    code.textContent = code.textContent.replaceAll("http://127.0.0.1:8080", lab);
  });
  document.querySelectorAll("[data-copy]").forEach(function (button) {
    var code = document.querySelector('[data-lines="' + button.dataset.copy + '"] code');
    button.addEventListener("click", function () {
      // Selected as well: where the browser lets no page copy (plain HTTP from elsewhere), a key press does.
      getSelection().selectAllChildren(code);
      if (navigator.clipboard) {
        navigator.clipboard.writeText(code.textContent).catch(function () {});
      }
    });
  });

  var place = document.getElementById("swagger");
  fetch(base + "/api/openapi.json")
    .then(function (answer) {
      if (!answer.ok) throw new Error("status " + answer.status);
      return answer.json();
    })
    .then(function (spec) {
      spec.servers = [{ url: base || "/" }];
      place.replaceChildren();
      SwaggerUIBundle({
        spec: spec,
        domNode: place,
        presets: [SwaggerUIBundle.presets.apis],
        layout: "BaseLayout",
        deepLinking: true,
        docExpansion: "list",
        defaultModelsExpandDepth: -1,
        displayRequestDuration: true,
        tryItOutEnabled: true,
        // No other host is told anything.
        validatorUrl: null,
      });
    })
    .catch(function (error) {
      place.textContent = "openapi.json: " + error.message;
    });
})();

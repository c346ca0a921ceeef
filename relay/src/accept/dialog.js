// Asks the visitor of a broken page what happened, and sends it with the event's id.
(function () {
  "use strict";
  var script = document.currentScript;
  if (!script || document.getElementById("vedette-dialog")) return;
  var address = new URL(script.src);
  var given = address.searchParams;
  var text = function (name, otherwise) { return given.get(name) || otherwise; };

  var dialog = document.createElement("dialog");
  dialog.id = "vedette-dialog";
  dialog.setAttribute("aria-labelledby", "vedette-dialog-title");
  dialog.style.cssText = "max-width:32rem;width:90%;padding:1.5rem;border:1px solid #888;" +
    "border-radius:8px;font:16px/1.4 system-ui,sans-serif;color:#222;background:#fff";
  var add = function (parent, kind, content) {
    var element = document.createElement(kind);
    if (content) element.textContent = content;
    parent.appendChild(element);
    return element;
  };
  var form = document.createElement("form");
  add(form, "h2", text("title", "Something went wrong.")).id = "vedette-dialog-title";
  add(form, "p", text("subtitle", "Tell us what happened, and we will look into it."));
  var field = function (name, label, kind, value) {
    var line = add(form, "label", label);
    line.style.cssText = "display:block;margin:.75rem 0";
    var input = add(line, kind);
    input.name = name;
    input.value = value || "";
    input.required = name === "comments";
    input.style.cssText = "display:block;width:100%;box-sizing:border-box;font:inherit;padding:.4rem";
    return input;
  };
  field("name", text("labelName", "Name"), "input", given.get("name"));
  field("email", text("labelEmail", "Email"), "input", given.get("email")).type = "email";
  field("comments", text("labelComments", "What happened?"), "textarea").rows = 5;
  var says = add(form, "p");
  says.setAttribute("role", "status");
  var send = add(form, "button", text("labelSubmit", "Send report"));
  send.type = "submit";
  var close = add(form, "button", text("labelClose", "Close"));
  close.type = "button";
  close.style.marginInlineStart = ".5rem";
  dialog.appendChild(form);
  document.body.appendChild(dialog);

  var end = function () { dialog.close(); dialog.remove(); };
  close.addEventListener("click", end);
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    send.disabled = true;
    fetch(address, { method: "POST", body: new URLSearchParams(new FormData(form)) })
      .then(function (answer) {
        if (!answer.ok) throw new Error(String(answer.status));
        says.textContent = text("successMessage", "Your report was sent. Thank you!");
        send.remove();
      })
      .catch(function () {
        says.textContent = text("errorGeneric", "Your report could not be sent. Please try again.");
        send.disabled = false;
      });
  });
  dialog.showModal();
})();

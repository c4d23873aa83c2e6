// Local time as the tooltip of each UTC time; a pause switch for live parts; a word when the server is away.
(function () {
  "use strict";
  function localTimes(root) {
    root.querySelectorAll("time[datetime]").forEach(function (element) {
      var moment = new Date(element.dateTime);
      if (!isNaN(moment)) {
        element.title = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" }) + " (your time)";
      }
    });
  }
  function live() {
    var paused = document.getElementById("pause");
    return !document.hidden && !(paused && paused.checked);
  }
  function lost(shown) {
    var notice = document.getElementById("connection");
    if (notice) { notice.hidden = !shown; }
  }
  document.addEventListener("DOMContentLoaded", function () { localTimes(document); });
  document.addEventListener("htmx:afterSwap", function (event) { localTimes(event.target); lost(false); });
  document.addEventListener("htmx:beforeRequest", function (event) {
    if (event.target.hasAttribute("data-live") && !live()) { event.preventDefault(); }
  });
  document.addEventListener("htmx:sendError", function () { lost(true); });
  document.addEventListener("htmx:responseError", function () { lost(true); });
  document.addEventListener("change", function (event) {
    if (event.target.matches("form.filters select")) { event.target.form.requestSubmit(); }
  });
})();

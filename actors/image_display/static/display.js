// Slice slider, mask switch, per-segment switches and opacity. Without it the page shows one slice and a form.
(function () {
  "use strict";
  document.addEventListener("DOMContentLoaded", function () {
    var screen = document.getElementById("screen");
    var number = document.getElementById("number");
    if (!screen || !number) { return; }
    var slice = document.getElementById("slice");
    var masks = Array.prototype.slice.call(screen.querySelectorAll(".mask"));
    var base = screen.dataset.base, count = Number(screen.dataset.count);
    var shown = document.getElementById("shown"), still = document.getElementById("still");
    var wanted = Number(number.value), busy = false, kept = {};

    function addresses(index) {
      var list = [base + "/slices/" + index + ".png"];
      masks.forEach(function (mask) {
        list.push(base + "/masks/" + screen.dataset.segmentation + "/" + mask.dataset.segment + "/" + index + ".png");
      });
      return list;
    }
    function loaded(address) {
      if (!kept[address]) {
        kept[address] = new Promise(function (done) {
          var picture = new Image();
          picture.onload = function () { done(address); };
          picture.onerror = function () { delete kept[address]; done(""); };
          picture.src = address;
        });
      }
      return kept[address];
    }
    // slice and masks change together, and only when all of them are there: a mask never lies over another slice
    function show() {
      if (busy) { return; }
      busy = true;
      var index = wanted;
      Promise.all(addresses(index).map(loaded)).then(function (found) {
        slice.setAttribute("href", found[0]);
        masks.forEach(function (mask, place) { mask.setAttribute("href", found[place + 1]); });
        screen.setAttribute("aria-label", "Slice " + index + " of " + count);
        screen.dataset.shown = String(index);
        if (still) { still.href = still.href.replace(/slice=\d+/, "slice=" + index); }
        busy = false;
        if (index !== wanted) { show(); return; }
        [index + 1, index - 1, index + 2, index - 2].forEach(function (near) {
          if (near >= 1 && near <= count) { addresses(near).forEach(loaded); }
        });
      });
    }
    function go(index) {
      wanted = Math.min(count, Math.max(1, index));
      number.value = String(wanted);
      shown.textContent = String(wanted);
      show();
    }
    number.addEventListener("input", function () { go(Number(number.value)); });
    screen.addEventListener("wheel", function (event) {
      event.preventDefault();
      go(wanted + (event.deltaY > 0 ? 1 : -1));
    }, { passive: false });

    var opacity = document.getElementById("opacity"), all = document.getElementById("all-masks");
    var group = document.getElementById("masks");
    if (opacity) { opacity.addEventListener("input", function () { group.setAttribute("opacity", String(opacity.value / 100)); }); }
    if (all) { all.addEventListener("change", function () { group.setAttribute("visibility", all.checked ? "visible" : "hidden"); }); }
    document.querySelectorAll(".one-mask").forEach(function (box) {
      box.addEventListener("change", function () {
        masks.forEach(function (mask) {
          if (mask.dataset.segment === box.dataset.segment) { mask.setAttribute("display", box.checked ? "inline" : "none"); }
        });
      });
    });
    screen.dataset.shown = String(wanted);
  });
})();

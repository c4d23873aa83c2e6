// Each chart is drawn from the table below it; news from the server make the live part ask again.
(function () {
  "use strict";
  var DASHES = ["solid", "dashed", "dotted", "dashed"];
  var MARKS = ["circle", "rect", "triangle", "diamond"];
  var drawn = new Map();
  document.documentElement.classList.add("scripts");

  function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim(); }

  function words(value, unit) {
    if (value === null || value === undefined || isNaN(value)) { return "no value"; }
    if (unit === "share") { return (100 * value).toFixed(1) + " %"; }
    if (unit === "B/s") { return Math.round(value / 1e5) / 10 + " MB/s"; }
    if (unit !== "s") { return Math.round(value * 10) / 10 + ""; }
    var size = Math.abs(value), sign = value < 0 ? "-" : "";
    var steps = [[86400, "d"], [3600, "h"], [60, "min"]];
    for (var i = 0; i < steps.length; i += 1) {
      if (size >= steps[i][0]) { return sign + Math.round(10 * size / steps[i][0]) / 10 + " " + steps[i][1]; }
    }
    return sign + Math.round(10 * size) / 10 + " s";
  }

  function read(figure) {
    var columns = [];
    figure.querySelectorAll("thead th").forEach(function (head, at) {
      if (head.dataset.drawn) { columns.push({ at: at, name: head.textContent, kind: head.dataset.drawn, unit: head.dataset.unit }); }
    });
    var rows = Array.from(figure.querySelectorAll("tbody tr")).map(function (row) {
      var link = row.cells[0].querySelector("a");
      return { name: row.cells[0].textContent.trim(), href: link && link.href, cells: row.cells };
    });
    columns.forEach(function (column) {
      column.values = rows.map(function (row) {
        var cell = row.cells[column.at];
        return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
      });
    });
    return { columns: columns, rows: rows };
  }

  function step(largest, unit) {  // of durations, one that people count by; at most six of them
    var steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800];
    return unit === "s" ? steps.find(function (one) { return largest <= 6 * one && largest > 1; }) : undefined;
  }

  function axis(unit, columns, first) {
    var values = columns.filter(function (one) { return one.unit === unit; }).flatMap(function (one) { return one.values; });
    var largest = Math.max.apply(null, values.map(Number));
    var size = step(largest, unit);
    return {
      type: "value", interval: size,
      max: unit === "share" && largest > 0.5 ? 1 : size && Math.ceil(largest / size) * size,
      axisLine: { show: false }, splitLine: { show: first, lineStyle: { color: colour("grid") } },
      axisLabel: { color: colour("axis"), formatter: function (value) { return words(value, unit); } }
    };
  }

  function series(column, number, units) {
    var shade = colour(["one", "two", "three", "four"][number % 4]);
    var alone = column.values.map(function (value, at) {  // a point between two gaps would not be seen as a line
      return value !== null && (column.values[at - 1] === null || at === 0) && (column.values[at + 1] === null || at === column.values.length - 1);
    });
    return {
      name: column.name, type: column.kind, data: column.values, yAxisIndex: units.indexOf(column.unit), connectNulls: false,
      symbol: MARKS[number % 4], symbolSize: function (_value, at) { return column.values.length <= 40 || alone[at.dataIndex] ? 6 : 0; },
      showAllSymbol: true, color: shade, barMaxWidth: 36,
      lineStyle: { color: shade, width: 2, type: DASHES[number % 4] }, itemStyle: { color: shade, opacity: column.kind === "bar" ? 0.85 : 1 }
    };
  }

  function draw(figure) {
    var place = figure.querySelector(".drawing");
    if (!place || !window.echarts || !place.clientWidth) { return; }
    var table = read(figure);
    var units = table.columns.map(function (column) { return column.unit; }).filter(function (unit, at, all) { return all.indexOf(unit) === at; });
    var few = table.rows.length <= 8, room = Math.floor(0.8 * place.clientWidth / table.rows.length);
    var chart = window.echarts.init(place, null, { renderer: "svg" });
    chart.setOption({
      animation: false, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily }, aria: { enabled: false },
      legend: { top: 0, textStyle: { color: colour("axis") }, show: table.columns.length > 1 },
      grid: { left: 8, right: 12, top: table.columns.length > 1 ? 34 : 14, bottom: 8, containLabel: true },
      tooltip: {
        trigger: "axis", renderMode: "richText", confine: true,
        backgroundColor: colour("panel"), borderColor: colour("axis"), textStyle: { color: colour("axis") },
        formatter: function (points) {
          return [points[0].name].concat(points.map(function (point) {
            return point.seriesName + ": " + words(point.value, table.columns[point.seriesIndex].unit);
          })).join("\n");
        }
      },
      xAxis: {
        type: "category", data: table.rows.map(function (row) { return row.name; }), axisLine: { lineStyle: { color: colour("axis") } },
        axisLabel: {
          color: colour("axis"), lineHeight: 15, hideOverlap: !few, interval: few ? 0 : "auto", width: few ? room : 110, overflow: few ? "break" : "truncate",
          formatter: function (name) { return name.replace(/^\d{4}-(\d\d-\d\d)/, "$1"); }
        }
      },
      yAxis: units.map(function (unit, number) { return axis(unit, table.columns, number === 0); }),
      series: table.columns.map(function (column, number) { return series(column, number, units); })
    });
    chart.on("click", function (point) {
      var href = table.rows[point.dataIndex].href;
      if (href) { window.location.assign(href); }
    });
    drawn.set(place, chart);
  }

  function drawAll(root) {
    drawn.forEach(function (chart, place) {
      if (root.contains(place) || !document.contains(place)) { chart.dispose(); drawn.delete(place); }
    });
    root.querySelectorAll("figure.chart").forEach(draw);
  }

  function redraw() { drawAll(document); }

  function listen(part) {
    if (!window.EventSource) { return; }
    var missed = false;
    var source = new EventSource(part.dataset.news);
    source.addEventListener("news", function () {
      missed = document.hidden;
      if (!missed) { window.htmx.trigger(part, "news"); }
    });
    document.addEventListener("visibilitychange", function () {
      if (!document.hidden && missed) { missed = false; window.htmx.trigger(part, "news"); }
    });
    window.addEventListener("pagehide", function () { source.close(); });
  }

  document.addEventListener("DOMContentLoaded", function () {
    redraw();
    document.querySelectorAll("[data-news]").forEach(listen);
    document.querySelectorAll("details.strata").forEach(function (one) {  // there is room for them
      one.open = one.open || window.matchMedia("(min-width: 60rem)").matches;
    });
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    var width = window.innerWidth;
    window.addEventListener("resize", function () {
      if (window.innerWidth !== width) { width = window.innerWidth; redraw(); }
    });
    var opened = [];
    window.addEventListener("beforeprint", function () {
      opened = Array.from(document.querySelectorAll("details.numbers:not([open])"));
      opened.forEach(function (one) { one.open = true; });
      redraw();
    });
    window.addEventListener("afterprint", function () {
      opened.forEach(function (one) { one.open = false; });
      redraw();
    });
  });
  document.addEventListener("htmx:afterSwap", function (event) { drawAll(event.target); });
})();

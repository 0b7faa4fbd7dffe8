// The types of charts.js, for the check of the pages (npm run types).
export { init } from "echarts/core";

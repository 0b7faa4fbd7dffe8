// The types of charts.js, for the check of the pages (npm run types).
export { getInstanceByDom, init } from "echarts/core";

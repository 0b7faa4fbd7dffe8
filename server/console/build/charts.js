// The charts of the statistics page, and no others: each adds to what a browser loads.
import { BarChart, BoxplotChart, HeatmapChart, LineChart, PieChart, ScatterChart } from "echarts/charts";
import {
  AriaComponent,
  DatasetComponent,
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  TitleComponent,
  TooltipComponent,
  VisualMapComponent,
} from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([BarChart, BoxplotChart, HeatmapChart, LineChart, PieChart, ScatterChart]);
use([AriaComponent, DatasetComponent, GridComponent, LegendComponent, MarkLineComponent]);
use([TitleComponent, TooltipComponent, VisualMapComponent, CanvasRenderer]);
export { init };

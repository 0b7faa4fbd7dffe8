// The charts of the statistics page, and no others: each adds to what a browser loads.
import { BarChart, BoxplotChart, HeatmapChart, LineChart, ScatterChart } from "echarts/charts";
import {
  DataZoomSliderComponent,
  GridComponent,
  LegendPlainComponent,
  TitleComponent,
  TooltipComponent,
  VisualMapContinuousComponent,
} from "echarts/components";
import { getInstanceByDom, init, use } from "echarts/core";
import { LabelLayout } from "echarts/features";
import { CanvasRenderer } from "echarts/renderers";

use([BarChart, BoxplotChart, HeatmapChart, LineChart, ScatterChart]);
use([DataZoomSliderComponent, GridComponent, LegendPlainComponent]);
use([TitleComponent, TooltipComponent, VisualMapContinuousComponent, CanvasRenderer, LabelLayout]);
export { getInstanceByDom, init };

// What all faces drawn by ECharts share: one chart, its options from the data, clicks, the tooltip.

import { h } from "../dom.ts";
import { echarts } from "../echarts.ts";
import type { Context, Face, TipLine } from "../face.ts";
import type { Part } from "../message.ts";
import { seriesColour, type Colours } from "../theme.ts";

export type Option = Record<string, any>;

/** How one kind of chart is drawn. */
export interface Drawing<Data> {
  option(data: Data, colours: Colours, box: [number, number], context: Context): Option;
  /** Lines of the tooltip over one item. */
  tip(data: Data, item: any): { title: string; lines: TipLine[] } | null;
  /** What a click on an item filters by. */
  pick?(data: Data, item: any): { label: string; value: string } | null;
  /** The item of a place that the keyboard moves over. */
  item?(data: Data, at: number): any;
  count?(data: Data): number;
  /** Names of the series, above the chart, where there are several. */
  keys?(data: Data): string[];
  /** Before the first drawing; false while something is missing. */
  ready?(context: Context): boolean;
}

export function chartFace<Data>(drawing: Drawing<Data>): (body: HTMLElement, context: Context) => Face {
  return (body, context) => {
    const keys = h("div", { class: "dwb-keys" });
    const place = h("div", { class: "dwb-plot" });
    body.classList.add("dwb-chart", "dwb-canvas");
    body.append(keys, place);
    let chart: ReturnType<typeof echarts.init> | null = null;
    let held: Data | null = null;
    let whole: [number, number] = [0, 0];
    let box: [number, number] = [0, 0];
    let at = -1;

    const measure = (): void => {
      const taken = keys.childElementCount ? keys.offsetHeight : 0;
      box = [Math.floor(whole[0]), Math.floor(whole[1] - taken)];
      if (chart && box[0] >= 30 && box[1] >= 30) chart.resize({ width: box[0], height: box[1] });
    };
    const draw = (fresh = false): void => {
      if (!held || box[0] < 30 || box[1] < 30 || drawing.ready?.(context) === false) return;
      if (!chart) chart = start();
      const colours = context.colours();
      const base = {
        animation: !context.isStill,
        animationDuration: 300,
        animationDurationUpdate: 300,
        textStyle: { fontFamily: colours.font },
      };
      const option = { ...base, ...drawing.option(held, colours, box, context) } as Option;
      // A series that is gone must not stay drawn; one that has no name goes on by its place.
      const all = [option.series ?? []].flat().map((each: Option, place: number) => ({ id: `at-${place}`, ...each }));
      chart.setOption({ ...option, series: all }, { notMerge: fresh, replaceMerge: ["series"] });
      // A picture may be taken before the next frame.
      if (context.isStill) chart.getZr().flush();
    };
    const start = (): ReturnType<typeof echarts.init> => {
      const made = echarts.init(place, null, { renderer: "canvas", width: box[0], height: box[1] });
      made.on("mousemove", (item: any) => hover(item));
      made.on("mouseout", () => context.tip.hide());
      made.on("globalout", () => context.tip.hide());
      made.on("click", (item: any) => pick(item));
      return made;
    };
    const hover = (item: any): void => {
      const found = held && drawing.tip(held, item);
      const event = item.event?.event as MouseEvent | undefined;
      if (found && event) context.tip.show(found.lines, found.title, event.clientX, event.clientY);
    };
    const pick = (item: any): void => {
      const found = held && drawing.pick?.(held, item);
      if (found?.label && found.value !== "•••") context.send({ type: "click", tile: context.head.id, ...found });
    };

    return {
      update(part: Part): void {
        held = part.data as Data;
        if (legend(keys, drawing.keys?.(held) ?? [])) measure();
        draw();
      },
      resize(width, height): void {
        whole = [width, height];
        measure();
        draw();
      },
      recolour: () => draw(true),
      step(by): string {
        if (!held || !drawing.item || !drawing.count) return "";
        at = Math.max(0, Math.min(drawing.count(held) - 1, at + by));
        const found = drawing.tip(held, drawing.item(held, at));
        if (!found) return "";
        const edge = body.getBoundingClientRect();
        context.tip.show(found.lines, found.title, edge.left + edge.width / 2, edge.top + edge.height / 2);
        return [found.title, ...found.lines.map((each) => `${each.name} ${each.value}`)].join(", ");
      },
      act(): void {
        if (held && drawing.item && at >= 0) pick(drawing.item(held, at));
      },
      destroy(): void {
        chart?.dispose();
      },
    };
  };
}

/** Show the names of several series, each beside its colour. True where that has changed. */
function legend(place: HTMLElement, names: string[]): boolean {
  const wanted = names.length > 1 ? names : [];
  const before = place.textContent;
  place.replaceChildren(
    ...wanted.map((name, at) => {
      const key = h("i", {});
      key.style.background = seriesColour(at);
      return h("span", { title: name }, key, name);
    }),
  );
  return place.textContent !== before;
}

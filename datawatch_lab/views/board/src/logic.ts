// What decides without a page, for tests: see tests/views/test_board_logic.py.

export * from "./builder/clash.ts";
export * from "./builder/clock.ts";
export * from "./builder/draft.ts";
export * from "./builder/filters.ts";
export * from "./faces/exact.ts";
export * from "./faces/scale.ts";
export * from "./format.ts";
export * from "./heads.ts";
export * from "./look.ts";
export * from "./merge.ts";

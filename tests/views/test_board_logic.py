"""What the browser decides without a page: axes, filters, addresses, times, what a part stands for.

Node.js runs it as `datawatch_lab/views/board/src` was built: ``built/logic.mjs``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

LOGIC = Path(__file__).parent / "built" / "logic.mjs"
_FRAME = """
import {{ writeFileSync }} from "node:fs";
const all = await import({logic});
const found = await (async () => {{ {body} }})();
writeFileSync({answer}, JSON.stringify(found ?? null));
"""


class Node:
    """Runs a piece of JavaScript that has the names of the logic in ``all``; gives its value."""

    def __init__(self, node: str, folder: Path) -> None:
        self._node, self._folder = node, folder

    def __call__(self, body: str) -> Any:
        """Run the body of a function."""
        script, answer = self._folder / "run.mjs", self._folder / "answer.json"
        logic = json.dumps(LOGIC.as_uri())
        script.write_text(_FRAME.format(logic=logic, body=body, answer=json.dumps(str(answer))))
        subprocess.run([self._node, str(script)], check=True, timeout=60)
        return json.loads(answer.read_text())


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """Node.js, for what the browser would do."""
    found = shutil.which("node") or pytest.skip("node is not installed")
    return Node(found, tmp_path)


# ---------------------------------------------------------------------- the axis of values


def test_an_average_that_does_not_change_has_an_axis(node: Node) -> None:
    """1.1 and 1.0999999999999999 are one value: the axis begins at zero, and its ticks are few."""
    found = node(
        """
        const data = (values) => ({ series: [{ values }], band: null, threshold: null,
          stack: false, low: null, high: null, log: false });
        const [low, high] = all.limits(data([1.1, 1.0999999999999999]));
        const usual = all.limits(data([100, 101]));
        return { low, high, usual, ticks: all.ticks(low, high, 200, 0.2, {}) };
        """
    )
    assert found["low"] == 0
    assert 1.1 < found["high"] < 1.3
    assert found["ticks"] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert found["usual"] == pytest.approx([99.92, 101.08])


def test_ticks_end_whatever_the_axis(node: Node) -> None:
    """A step that is lost beside its values, none, or one without end gives a short list."""
    counts = node(
        """
        const cases = [[1.0999999999999999, 1.1, 1e-18], [0, 1, 0], [0, 1, NaN], [5, 1, 1],
          [1e300, 1.1e300, 1], [-1.1, -1.0999999999999999, 1e-17], [0, 1, Infinity]];
        return cases.map(([min, max, step]) => all.ticks(min, max, 200, step, {}).length);
        """
    )
    assert all(count <= 200 for count in counts)
    assert counts[1:4] == [0, 0, 0]


def test_ticks_are_on_round_values_inside(node: Node) -> None:
    """Both ends count, below zero too, and durations are round as clocks are."""
    assert node("return all.ticks(-10, 10, 200, 5, {});") == [-10, -5, 0, 5, 10]
    assert node("return all.ticks(-20, -10, 200, 5, {});") == [-20, -15, -10]
    assert node('return all.ticks(0, 300, 200, 50, { u: "s" });') == [0, 60, 120, 180, 240, 300]


# ---------------------------------------------------------------------- filters as text


def test_filters_are_read_back_as_they_were(node: Node) -> None:
    """Commas, backslashes, quotes, spaces at an end, lines, and nothing at all stay as they are."""
    wrong = node(
        r"""
        const letters = ["a", ",", "\\", '"', " ", "\n", "n", "$"];
        const values = [""];
        const more = ["", ...letters];
        for (const one of letters)
          for (const two of more) for (const three of more) values.push(one + two + three);
        const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
        const alone = values.filter((each) => !same(all.readValues(all.writeValues(each)), each));
        const many = values.map((each, at) => [each, values[(at * 7 + 3) % values.length]])
          .filter((each) => !same(all.readValues(all.writeValues(each)), each));
        const lines = values.filter((each) => {
          const one = { status: each, city: ["x", each] };
          return !same(all.readLines(all.writeLines(one), {}), one);
        });
        return [...alone, ...many, ...lines];
        """
    )
    assert wrong == []


def test_a_field_nobody_typed_in_keeps_its_value(node: Node) -> None:
    """Whatever a value is, opening and applying a form leaves it; typed text is read."""
    found = node(
        r"""
        const before = { city: "Paris, Texas", none: "", list: ["a"], gone: "x" };
        const text = all.writeLines(before);
        return {
          same: all.readLines(text, before),
          typed: all.readLines('city=Paris, Texas\nnone=""\nlist=a\ngone=', before),
          field: ["x", "y", ""].map((text) => all.valueOf(text, "x", ["x"])),
        };
        """
    )
    assert found["same"] == {"city": "Paris, Texas", "none": "", "list": ["a"], "gone": "x"}
    assert found["typed"] == {"city": ["Paris", "Texas"], "none": "", "list": ["a"]}
    assert found["field"] == [["x"], "y", None]


# ---------------------------------------------------------------------- heads of tiles


def test_what_the_explorer_is_asked_for_makes_no_other_tile(node: Node) -> None:
    """Heads that differ in their drill are of one shape; the drill is taken over by id."""
    found = node(
        """
        const head = (id, more) => ({ id, kind: "line", title: id, x: 0, y: 0, w: 4, h: 4, fmt: {},
          least: [1, 1], drill: "from=1", ...more });
        const before = [head("a"), head("b")];
        const now = [head("b", { drill: "" }), head("a", { drill: "from=2" })];
        return {
          shape: all.shapeOf(before) === all.shapeOf([now[1], now[0]]),
          moved: all.shapeOf(before) === all.shapeOf([head("a", { x: 1 }), head("b")]),
          none: all.shapeOf(undefined) === all.shapeOf([]),
          alike: [{ drill: "" }, { y: 3 }, { title: "b" }].map((each) =>
            all.isAlike(head("a"), head("a", each))),
          drills: all.withDrills(before, now.concat(head("c"))).map((each) => each.id + each.drill),
        };
        """
    )
    assert found == {
        "shape": True,
        "moved": False,
        "none": False,
        "alike": [True, True, False],
        "drills": ["afrom=2", "b"],
    }


# ---------------------------------------------------------------------- addresses


def test_a_click_holds_one_value_of_its_label(node: Node) -> None:
    """Another value takes the place of the first, the same one again frees the label."""
    found = node(
        """
        const now = new URLSearchParams("range=1h&filter=country=DE");
        const said = [];
        for (const value of ["paid", "open", "open", ""]) {
          all.clicked(now, "status", value);
          said.push(now.getAll("filter"));
        }
        all.freed(now, "status");
        return [...said, now.getAll("filter")];
        """
    )
    assert found == [
        ["country=DE", "status=paid"],
        ["country=DE", "status=open"],
        ["country=DE"],
        ["country=DE", "status="],
        ["country=DE"],
    ]


def test_the_empty_value_of_a_variable_is_not_all_of_them(node: Node) -> None:
    """All is nothing, the empty value is marked, and a value that looks like the mark is too."""
    found = node(
        r"""
        const now = new URLSearchParams();
        const said = [[], [""], ["\\"], ["\\x", "y"]].map((values) => {
          all.chosen(now, "v", values);
          return now.getAll("var");
        });
        return said;
        """
    )
    assert found == [["v="], ["v=\\"], ["v=\\\\"], ["v=\\\\x", "v=y"]]


# ---------------------------------------------------------------------- times of notes


def test_notes_are_told_by_the_clocks_of_the_workspace(node: Node) -> None:
    """At the note's own time: in winter and in summer, on both sides of a change of clocks."""
    found = node(
        """
        all.useZone("Europe/Berlin");
        const times = ["2026-01-10T12:00:00.000Z", "2026-07-10T12:00:00.000Z",
          "2026-03-29T00:30:00.000Z", "2026-03-29T01:30:00.000Z", "2026-10-25T02:30:00.000Z"];
        const walls = times.map(all.wallOf);
        const refused = ["", "nonsense"].map((each) => {
          try { return all.momentOf(each); } catch (error) { return error.message; }
        });
        return { walls, back: walls.map(all.momentOf), times, refused };
        """
    )
    assert found["walls"][:2] == ["2026-01-10T13:00", "2026-07-10T14:00"]
    assert found["back"] == found["times"]
    assert found["refused"] == ["A note has no time. Say when, or take the note off."] * 2


# ---------------------------------------------------------------------- parts


def test_a_part_goes_on_from_its_own_line_only(node: Node) -> None:
    """Where steps, begin, names, band or length do not fit, the whole is asked for."""
    found = node(
        """
        const line = (of) => ({ face: "line", state: "ok", data: { t0: 0, step: 10, band: null,
          series: [{ name: "a", values: [1, 2, 3] }], ...of } });
        const next = { t0: 10, series: [{ name: "a", values: [4] }], keep: { from: 1, count: 2 } };
        const values = (part) => part && part.data.series.map((each) => each.values);
        const other = { name: "b", values: [1, 2, 3] };
        return [line({}), line({ step: 20 }), line({ t0: 5 }), line({ series: [other] }),
          line({ series: [other, other] }), line({ band: { low: [], high: [] } }),
          line({ series: [{ name: "a", values: [1, 2] }] }), null]
          .map((old) => values(all.merged(old, line(next))));
        """
    )
    assert found == [[[2, 3, 4]], *[None] * 7]


# ---------------------------------------------------------------------- exact numbers


def test_numbers_are_shown_and_sorted_with_every_digit(node: Node) -> None:
    """Decimals and integers beyond doubles differ where a double would not."""
    found = node(
        """
        const large = ["9007199254740993", "9007199254740992"];
        const given = [...large, "-0.10", 7, "1e400", "1234.56", "1234.5"];
        return [given.map(all.exact), [...given].sort(all.bySize)];
        """
    )
    assert found[0] == [
        *("9,007,199,254,740,993", "9,007,199,254,740,992", "−0.10", "7"),
        *("1e400", "1,234.56", "1,234.5"),
    ]
    assert found[1][:4] == ["-0.10", 7, "1234.5", "1234.56"]
    assert found[1][4:6] == ["9007199254740992", "9007199254740993"]


def test_a_cell_has_the_digits_that_there_is_room_for(node: Node) -> None:
    """Without a format a number is as it is, unless it is long; with one it is as that says."""
    found = node(
        """
        const given = [1234.56, 0.30000000000000004, "1234567.890123456", 1e21, 7, -0.5];
        const euros = { u: "EUR" };
        return [given.map((each) => all.figure(each, {})), all.figure("1234.56", euros)];
        """
    )
    assert found[0] == ["1,234.56", "0.3", "1,234,567.890123456", found[0][3], "7", "−0.5"]
    assert found[1] == "€1,235"


# ---------------------------------------------------------------------- drafts


def test_a_form_changes_its_own_tile_in_the_document_of_now(node: Node) -> None:
    """Where a tile stands by then stays; one that is new has an id of its own."""
    found = node(
        """
        const doc = { name: "d", tiles: [{ id: "a", kind: "line", x: 3, y: 4, w: 5, h: 6 },
          { id: "line-1", kind: "line" }] };
        const form = { id: "a", kind: "line", title: "T", x: 0, y: 0, w: 1, h: 1 };
        return {
          changed: all.withTile(doc, form, false).tiles,
          added: all.withTile(doc, doc.tiles[1], true).tiles.map((each) => each.id),
          moved: all.placesOf(doc, { ...doc, tiles: [{ ...doc.tiles[0], x: 4 }, doc.tiles[1]] }),
        };
        """
    )
    assert found["changed"][0] == {
        "id": "a",
        "kind": "line",
        "title": "T",
        "x": 3,
        "y": 4,
        "w": 5,
        "h": 6,
    }
    assert found["added"] == ["a", "line-1", "line-2"]
    assert found["moved"] == [{"id": "a", "x": 4, "y": 4, "w": 5, "h": 6}]


_BOTH = """
const tile = (id, more) => ({ id, kind: "counter", title: id, query: { metric: "a" }, ...more });
const base = { name: "Shop", tiles: [tile("one", { x: 0 }), tile("two", { x: 6 })] };
const told = (theirs, mine, picks) => {
  const both = [theirs, mine].map((each) => ({ ...base, ...each }));
  const { doc, clashes } = all.joined(base, ...both, new Map(picks));
  return { doc, keys: clashes.map((each) => each.key), clashes };
};
"""


def test_two_who_change_different_things_both_keep_them(node: Node) -> None:
    """Fields, options and tiles of one document: what one alone changed is as they have it."""
    found = node(f"""{_BOTH}
      const one = [{{ x: 0, title: "Theirs" }}, {{ x: 3, options: {{ trend: "none" }} }}];
      const [theirs, mine] = one.map((each) => [tile("one", each)]);
      return told(
        {{ description: "theirs", tiles: [...theirs, base.tiles[1], tile("new")] }},
        {{ name: "Mine", tiles: [...mine, tile("new", {{ title: "b" }})] }},
      );
    """)
    doc = found["doc"]
    assert found["keys"] == []
    assert (doc["name"], doc["description"]) == ("Mine", "theirs")
    one = next(each for each in doc["tiles"] if each["id"] == "one")
    assert (one["title"], one["x"], one["options"]) == ("Theirs", 3, {"trend": "none"})
    ids = sorted(each["id"] for each in doc["tiles"])
    assert ids == ["counter-1", "new", "one"], "two was taken off; both have added a new one"


def test_of_what_both_changed_one_is_asked(node: Node) -> None:
    """Both values are told; the one that is picked stays, and the rest of both as well."""
    found = node(f"""{_BOTH}
      const tiles = [tile("one", {{ x: 0, title: "T" }}), tile("two", {{ x: 6, note: "n" }})];
      const theirs = {{ name: "Theirs", refresh: "1s", tiles }};
      const mine = {{ name: "Mine", tiles: [tile("one", {{ x: 0, title: "M" }})] }};
      const picks = [["name", "theirs"], ["one/title", "mine"], ["two", "theirs"]];
      return [told(theirs, mine), told(theirs, mine, picks)];
    """)
    asked, settled = found
    assert asked["keys"] == ["name", "one/title", "two"]
    assert [(each["theirs"], each["mine"]) for each in asked["clashes"][:2]] == [
        ("Theirs", "Mine"),
        ("T", "M"),
    ]
    assert asked["doc"]["name"] == "Mine"
    doc = settled["doc"]
    assert (doc["name"], doc["refresh"]) == ("Theirs", "1s")
    assert [(each["id"], each["title"]) for each in doc["tiles"]] == [("one", "M"), ("two", "two")]


def test_what_is_left_out_is_what_stands_at_its_default(node: Node) -> None:
    """Who says a default, and in which order, differs from nobody who leaves it out."""
    found = node(f"""{_BOTH}
      const none = {{ options: {{}}, queries: [], note: "", window: "" }};
      const said = {{ description: "", refresh: "5s", time_range: "auto", notes: [] }};
      const full = {{ ...said, tiles: base.tiles.map((each) => ({{ ...none, ...each }})) }};
      const turned = [tile("one", {{ x: 0, query: {{ by: [], metric: "a" }} }}), base.tiles[1]];
      const changed = [tile("one", {{ x: 0, query: {{ metric: "b" }} }})];
      return [told(full, {{ name: "Mine" }}), told({{ tiles: turned }}, {{ tiles: changed }})];
    """)
    assert [each["keys"] for each in found] == [[], []]
    assert found[0]["doc"]["name"] == "Mine"
    assert found[1]["doc"]["tiles"][0]["query"] == {"metric": "b"}


def test_what_was_stored_without_an_answer_is_not_doubled(node: Node) -> None:
    """A tile that both have as it was added, wherever, is one; another of its id is a second."""
    found = node(f"""{_BOTH}
      const added = tile("new", {{ x: 0, y: 3, w: 4, h: 2 }});
      const theirs = {{ tiles: [...base.tiles, {{ ...added, y: 5, note: "" }}] }};
      const mine = {{ name: "Mine", tiles: [...base.tiles, added] }};
      const other = {{ tiles: [...base.tiles, {{ ...added, title: "Other" }}] }};
      return [told(theirs, mine), told(other, mine)].map((each) => each.doc);
    """)
    assert [each["id"] for each in found[0]["tiles"]] == ["one", "two", "new"]
    assert (found[0]["name"], found[0]["tiles"][2]["y"]) == ("Mine", 3)
    assert [each["title"] for each in found[1]["tiles"]] == ["one", "two", "Other", "new"]


def test_every_tile_of_both_has_an_id_of_its_own(node: Node) -> None:
    """Also where several were added with the same ids, and one has the id that would be free."""
    found = node(f"""{_BOTH}
      const mine = ["a", "b", "counter-2"].map((each) => tile(each, {{ note: "mine" }}));
      const theirs = ["a", "b"].map((each) => tile(each, {{ note: "theirs" }}));
      const next = [theirs, mine].map((each) => ({{ tiles: [...base.tiles, ...each] }}));
      return told(...next).doc.tiles.map((each) => [each.id, each.title]);
    """)
    ids = [id_ for id_, _ in found]
    assert sorted(ids) == ["a", "b", "counter-1", "counter-2", "counter-3", "one", "two"]
    assert [title for _, title in found].count("a") == 2


def test_what_a_tile_asks_is_one_thing(node: Node) -> None:
    """The first query and the rest are never of two versions; who is asked picks all of them."""
    found = node(f"""{_BOTH}
      const asks = (...names) => {{
        const [query, ...queries] = names.map((metric) => ({{ metric }}));
        return {{ tiles: [tile("one", {{ query, ...(queries.length ? {{ queries }} : {{}}) }})] }};
      }};
      const start = {{ ...base, ...asks("a", "b") }};
      const both = (theirs, mine, picks) => {{
        const next = [theirs, mine].map((each) => ({{ ...start, ...each }}));
        const {{ doc, clashes }} = all.joined(start, ...next, new Map(picks));
        const [{{ query, queries }}] = doc.tiles;
        const shown = [query, ...(queries ?? [])].map((each) => each.metric);
        const asked = clashes.map((each) => [each.key, each.what, all.valueText(each.theirs)]);
        return [shown, "queries" in doc.tiles[0], asked];
      }};
      const picks = [["one/query", "theirs"]];
      return [
        both(asks("b"), asks("a", "b")), both(asks("b"), asks("a", "c")),
        both(asks("b"), asks("a", "c"), picks), both(asks("c", "a"), asks("a", "b", "d"), picks),
      ];
    """)
    clash = ["one/query", "“one”, what it shows"]
    assert found == [
        [["b"], False, []],
        [["a", "c"], True, [[*clash, "metric: b"]]],
        [["b"], False, [[*clash, "metric: b"]]],
        [["c", "a"], True, [[*clash, "metric: c; metric: a"]]],
    ]


def test_a_document_is_known_again(node: Node) -> None:
    """As it was sent and as it is stored: defaults, empty values and places say nothing."""
    found = node(f"""{_BOTH}
      const tiles = base.tiles.map((each) => ({{ ...each, x: 9, note: "", queries: [] }}));
      const changed = [base.tiles[0], {{ ...base.tiles[1], title: "T" }}];
      const others = [{{ tiles: changed }}, {{ refresh: "1s" }}, {{ tiles: [] }}, {{ name: "X" }}];
      const stored = {{ ...all.WHOLE, tiles }};
      return [stored, ...others].map((each) => all.isOne(base, {{ ...base, ...each }}));
    """)
    assert found == [True, False, False, False, False]


def test_undo_reaches_back_beyond_what_another_did(node: Node) -> None:
    """What they changed is in every step, before and after; one's own steps are what they were."""
    found = node(f"""{_BOTH}
      const draft = new all.Draft(base, 1);
      const titled = (title) => {{
        const [first, second] = draft.doc.tiles;
        return {{ ...draft.doc, tiles: [{{ ...first, title }}, second] }};
      }};
      draft.step(titled("A"));
      const stored = draft.doc;
      draft.step(titled("B"));
      draft.step(titled("C"));
      draft.undo();
      const theirs = {{ ...stored, description: "theirs", tiles: [...stored.tiles, tile("new")] }};
      const join = (each) => all.joined(stored, theirs, each).doc;
      draft.join(join(draft.doc), 3, join);
      const shown = () => {{
        const {{ tiles, description }} = draft.doc;
        return [tiles[0].title, description, tiles.length];
      }};
      const steps = [shown()];
      while (draft.undo()) steps.push(shown());
      while (draft.redo()) steps.push(shown());
      return steps;
    """)
    assert [title for title, _, _ in found] == ["B", "A", "one", "A", "B", "C"]
    assert {tuple(rest) for _, *rest in found} == {("theirs", 3)}


def test_values_that_clash_are_told_in_words(node: Node) -> None:
    """Whatever they are, one can compare them."""
    values = '["", true, "a", 3, [], {metric: "a_sum", by: ["status", "city"], filters: {}}]'
    assert node(f"return {values}.map(all.valueText)") == [
        "nothing",
        "yes",
        "a",
        "3",
        "nothing",
        "metric: a_sum, by: status; city, filters: nothing",
    ]

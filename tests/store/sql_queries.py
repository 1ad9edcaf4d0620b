"""What analysts ask; each must pass the gate and give what DuckDB gives for the text as it is."""

# ruff: noqa: E501 — one query a line reads best
from __future__ import annotations

QUERIES: tuple[str, ...] = (
    "SELECT count(*) FROM live.orders",
    "SELECT status, count(*) AS n, sum(amount) AS total FROM live.orders GROUP BY status ORDER BY 1",
    "FROM live.orders SELECT id, amount WHERE status = 'paid' ORDER BY id LIMIT 5",
    "FROM live.orders ORDER BY id LIMIT 3",
    "TABLE live.visits",
    "SELECT * EXCLUDE (data), data ->> 'city' AS city FROM live.orders ORDER BY id LIMIT 4",
    "SELECT * REPLACE (amount * 2 AS amount) FROM live.orders ORDER BY id LIMIT 4",
    "SELECT COLUMNS('id|amount') FROM live.orders ORDER BY id LIMIT 4",
    "SELECT min(COLUMNS(['id', 'amount'])) FROM live.orders",
    """SELECT c.country, count(*) AS orders, sum(o.amount) AS revenue
    FROM live.orders o JOIN live.customers c ON o.customer_id = c.id
    GROUP BY c.country ORDER BY revenue DESC""",
    "SELECT live.orders.id FROM live.orders LEFT JOIN live.customers USING (id) ORDER BY 1 LIMIT 3",
    """SELECT c.id FROM live.customers c ANTI JOIN live.orders o ON o.customer_id = c.id
    ORDER BY 1""",
    "SELECT id FROM live.orders SEMI JOIN live.visits ON visits.ms = orders.id ORDER BY id",
    """SELECT v._ts, o.id FROM changes.visits v ASOF JOIN changes.orders o ON v._ts >= o._ts
    ORDER BY v._seq, o.id""",
    """SELECT date_trunc('hour', created_at) AS hour, quantile_cont(amount, 0.95) AS p95
    FROM live.orders GROUP BY hour ORDER BY hour DESC NULLS LAST""",
    """SELECT time_bucket(INTERVAL '10 minutes', created_at) AS t, median(amount), stddev(amount)
    FROM live.orders GROUP BY ALL ORDER BY ALL""",
    """SELECT count(*) FILTER (WHERE status = 'paid') AS paid,
    count(*) FILTER (status = 'open') AS open, count(*) AS every FROM live.orders""",
    """SELECT id, customer_id, row_number() OVER (PARTITION BY customer_id ORDER BY amount DESC)
    AS place FROM live.orders QUALIFY place = 1 ORDER BY id""",
    """SELECT id, sum(amount) OVER w AS so_far, lag(amount, 1, 0) OVER w AS before
    FROM live.orders WINDOW w AS (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    ORDER BY id LIMIT 20""",
    """WITH big AS (SELECT * FROM live.orders WHERE amount > 50),
    by_state AS (SELECT status, count(*) AS n FROM big GROUP BY 1)
    SELECT * FROM by_state ORDER BY n DESC, status""",
    """WITH RECURSIVE days(d) AS (SELECT DATE '2026-01-01' UNION ALL
    SELECT d + 1 FROM days WHERE d < DATE '2026-01-10') SELECT count(*), max(d) FROM days""",
    "WITH orders AS (SELECT 1 AS one) SELECT * FROM orders",
    "SELECT id FROM live.orders WHERE amount > (SELECT avg(amount) FROM live.orders) ORDER BY id",
    """SELECT id FROM live.customers c WHERE EXISTS (SELECT 1 FROM live.orders o
    WHERE o.customer_id = c.id AND o.status = 'shipped') ORDER BY id""",
    "SELECT 'live' AS kind, count(*) FROM live.orders UNION ALL SELECT 'all', count(*) FROM changes.orders",
    "SELECT id FROM live.orders INTERSECT SELECT id FROM live.customers ORDER BY id",
    "FROM (PIVOT live.orders ON status USING sum(amount) GROUP BY customer_id) ORDER BY customer_id",
    """SELECT * FROM (SELECT customer_id, status, amount FROM live.orders)
    PIVOT (sum(amount) FOR status IN ('open', 'paid')) ORDER BY customer_id""",
    "FROM (UNPIVOT (SELECT id, quantity, customer_id FROM live.orders) ON quantity, customer_id) ORDER BY ALL",
    "SELECT status, gift, count(*) FROM live.orders GROUP BY ROLLUP (status, gift) ORDER BY ALL",
    "SELECT DISTINCT ON (status) status, id FROM live.orders ORDER BY status, id",
    "SELECT data -> 'tags' ->> 0 AS first, json_array_length(data, '$.tags') FROM live.orders LIMIT 2",
    "SELECT json_extract_string(data, '$.city') = 'Rome' AS rome, count(*) FROM live.orders GROUP BY 1 ORDER BY 1",
    "SELECT t.tag, count(*) FROM live.orders o, unnest(json_extract_string(o.data, '$.tags[*]')) t(tag) GROUP BY 1 ORDER BY 1",
    "SELECT list_transform([1, 2, 3], lambda x: x * 2), list_filter([1, 2, 3], lambda x: x > 1)",
    "SELECT list_sort(list(DISTINCT status)) FROM live.orders",
    "SELECT [x * 2 FOR x IN [1, 2, 3] IF x > 1] AS doubled, list_sum([1, 2]), [1, 2, 3][2:]",
    "SELECT {'a': 1, 'b': [1, 2]}.b[1], MAP {'k': 1}['k'], struct_pack(a := 1).a",
    "SELECT string_agg(DISTINCT status, ', ' ORDER BY status) FROM live.orders",
    "SELECT arg_max(id, amount), mode(status), approx_count_distinct(customer_id) FROM live.orders",
    "SELECT corr(amount, quantity), regr_slope(amount, quantity), histogram(quantity) FROM live.orders",
    """SELECT CASE WHEN amount < 10 THEN 'small' WHEN amount BETWEEN 10 AND 50 THEN 'middle'
    ELSE 'large' END AS size, count(*) FROM live.orders GROUP BY 1 ORDER BY 1""",
    "SELECT page, regexp_extract(page, '/p(\\d)', 1), upper(page), split_part(page, '/', 2) FROM live.visits ORDER BY ms",
    "SELECT page FROM live.visits WHERE page ILIKE '/P1%' AND page NOT LIKE '%x' ORDER BY ms",
    "SELECT extract(hour FROM created_at), dayname(created_at), strftime(created_at, '%Y-%m') FROM live.orders ORDER BY id LIMIT 2",
    "SELECT date_diff('minute', min(created_at), max(created_at)), max(created_at) - min(created_at) FROM live.orders",
    "SELECT d::DATE AS day FROM generate_series(DATE '2026-01-01', DATE '2026-01-05', INTERVAL 1 DAY) t(d)",
    "SELECT unnest(generate_series(TIMESTAMP '2026-01-01', TIMESTAMP '2026-01-02', INTERVAL '6 hours')) AS t",
    "SELECT i FROM range(5) t(i)",
    "SELECT lpad(id::VARCHAR, 6, '0') AS code, repeat('*', 3), format('{:.2f}', amount), printf('%05d', id) FROM live.orders ORDER BY id LIMIT 2",
    "SELECT try_cast('x' AS INTEGER) IS NULL, coalesce(NULL, 1), nullif(1, 1), greatest(1, 2), 7 // 2, 7 % 2, 2 ** 3",
    "SELECT _op, count(*) FROM changes.orders GROUP BY 1 ORDER BY 1",
    """SELECT id, status, _before ->> 'status' AS was FROM changes.orders
    WHERE _op = 'u' ORDER BY _seq LIMIT 5""",
    "VALUES (1, 'a'), (2, 'b')",
    "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v(n, s) WHERE n > 1",
    "SELECT o FROM (SELECT id, status FROM live.orders) o ORDER BY o.id LIMIT 2",
    "SELECT id FROM live.orders ORDER BY amount DESC, id LIMIT 3 OFFSET 2",
    "SELECT count(*) FROM (SELECT * FROM live.orders USING SAMPLE 100%)",
    'SELECT "Id", "STATUS" FROM LIVE.Orders ORDER BY 1 LIMIT 2',
    "SELECT 'a;b' AS text, 'it''s' AS quote, 1 AS \"select\" -- a comment; and more",
    "SELECT id FROM live.orders WHERE (id, status) IN (SELECT id, status FROM live.orders) ORDER BY id LIMIT 2;",
)

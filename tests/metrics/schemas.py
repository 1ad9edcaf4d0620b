"""Tables as real systems have them, with the role that an analyst gives each field.

Field names follow published schemas (Northwind, Sakila, Chinook, TPC-H, NYC taxi trips, Shopify,
Stripe, WordPress, GitHub) and the telemetry streams of this product; values are made here. A line
is ``name role maker``; a role with ``!`` is sensitive.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from datawatch_lab.core.values import Role

SCHEMAS = {
    "orders": """
        id id serial
        customer_id id int:1:4000
        order_no id code:ORD-
        status status pick:pending,paid,shipped,delivered,cancelled
        total_amount numeric text_money
        tax_amount numeric text_money
        shippingCost numeric money
        currency status pick:EUR,USD,GBP
        item_count numeric int:1:9
        payment_method status pick:card,paypal,invoice
        is_gift boolean bool
        coupon_code status pick:SPRING,SUMMER,NONE
        created_at timestamp iso
        updatedOn timestamp iso
        shipped_date timestamp date
        notes text words
        shipping_address text! words
        email text! email
        metadata json json""",
    "customers": """
        id id uuid
        name text! person
        first_name text! first
        lastName text! first
        email_address text! email
        phone text! phone
        date_of_birth timestamp! date
        gender status pick:m,f,x
        country status pick:DE,FR,US,JP,BR
        city text words
        zip_code text zip
        postal_code text digits:5
        language status pick:de,en,fr
        password_hash text! hash
        api_key text! hash
        email_verified boolean bool
        newsletter_opt_in boolean bool
        loyalty_points numeric int:0:5000
        lifetime_value numeric money
        signup_ip text! ip
        last_login timestamp iso
        tier status pick:basic,gold,platinum
        tags json list
        latitude numeric coord
        longitude numeric coord""",
    "OrderDetails": """
        OrderID id int:10248:11077
        ProductID id int:1:77
        UnitPrice numeric money
        Quantity numeric int:1:120
        Discount numeric ratio""",
    "Employees": """
        EmployeeID id serial
        LastName text! first
        FirstName text! first
        Title text words
        TitleOfCourtesy status pick:Mr.,Ms.,Dr.,Mrs.
        BirthDate timestamp! date
        HireDate timestamp date
        Address text! words
        City text words
        PostalCode text zip
        HomePhone text! phone
        Extension text digits:4
        Notes text words
        ReportsTo numeric|id int:1:9
        PhotoPath text url""",
    "film": """
        film_id id serial
        title text words
        description text words
        release_year numeric int:1990:2024
        language_id id int:1:6
        rental_duration numeric int:3:7
        rental_rate numeric text_money
        length numeric int:46:185
        replacement_cost numeric text_money
        rating status pick:G,PG,PG-13,R,NC-17
        last_update timestamp iso
        special_features json|text list
        fulltext text words""",
    "Invoice": """
        InvoiceId id serial
        CustomerId id int:1:59
        InvoiceDate timestamp sqltime
        BillingAddress text! words
        BillingCity text words
        BillingState status|text pick:CA,NY,TX,WA
        BillingCountry status pick:USA,Canada,France,Germany
        BillingPostalCode text zip
        Total numeric money""",
    "Track": """
        TrackId id serial
        Name text words
        AlbumId id int:1:347
        MediaTypeId id int:1:5
        GenreId id int:1:25
        Composer text words
        Milliseconds numeric int:1071:5286953
        Bytes numeric int:38747:1059546140
        UnitPrice numeric money""",
    "lineitem": """
        l_orderkey id int:1:6000000
        l_partkey id int:1:200000
        l_suppkey id int:1:10000
        l_linenumber numeric int:1:7
        l_quantity numeric int:1:50
        l_extendedprice numeric money
        l_discount numeric ratio
        l_tax numeric ratio
        l_returnflag status pick:R,A,N
        l_linestatus status pick:O,F
        l_shipdate timestamp date
        l_commitdate timestamp date
        l_shipinstruct status pick:DELIVER IN PERSON,COLLECT COD,NONE,TAKE BACK RETURN
        l_shipmode status pick:AIR,RAIL,SHIP,TRUCK,MAIL
        l_comment text words""",
    "trips": """
        VendorID id int:1:2
        tpep_pickup_datetime timestamp sqltime
        tpep_dropoff_datetime timestamp sqltime
        passenger_count numeric int:0:6
        trip_distance numeric money
        RatecodeID id int:1:6
        store_and_fwd_flag boolean pick:Y,N
        PULocationID id int:1:265
        DOLocationID id int:1:265
        payment_type status int:1:5
        fare_amount numeric money
        tip_amount numeric money
        tolls_amount numeric money
        total_amount numeric money
        congestion_surcharge numeric money""",
    "shopify_orders": """
        id id bigint
        order_number id int:1001:9000
        financial_status status pick:paid,pending,refunded
        fulfillment_status status pick:fulfilled,partial
        total_price numeric text_money
        subtotal_price numeric text_money
        total_discounts numeric text_money
        total_line_items_price numeric text_money
        total_weight numeric int:0:9000
        taxes_included boolean bool
        currency status pick:USD,CAD
        created_at timestamp iso
        cancelled_at timestamp iso
        cancel_reason status pick:customer,fraud,inventory
        browser_ip text! ip
        customer_locale status pick:en-US,fr-CA,de
        landing_site text url
        source_name status pick:web,pos,iphone
        checkout_token text! hash
        gateway status pick:shopify_payments,paypal
        test boolean bool
        line_items json list
        tags text words
        note text words""",
    "charges": """
        id id code:ch_
        object status pick:charge,refund
        amount numeric int:50:999999
        amount_refunded numeric int:0:5000
        balance_transaction id code:txn_
        captured boolean bool
        created timestamp epoch
        currency status pick:usd,eur
        customer id|text code:cus_
        description text words
        disputed boolean bool
        failure_code status pick:card_declined,expired_card,processing_error
        livemode boolean bool
        paid boolean bool
        payment_intent id|text code:pi_
        receipt_email text! email
        receipt_url text url
        card_last4 text! digits:4
        card_brand status pick:visa,mastercard,amex
        exp_month numeric int:1:12
        exp_year numeric int:2024:2032
        risk_score numeric int:0:99
        outcome json json""",
    "wp_posts": """
        ID id serial
        post_author id|text int:1:40
        post_date timestamp sqltime
        post_date_gmt timestamp sqltime
        post_content text words
        post_title text words
        post_status status pick:publish,draft,private,trash
        comment_status status pick:open,closed
        post_password text! words
        post_name text slug
        post_modified timestamp sqltime
        post_parent id|numeric int:0:500
        guid text|id url
        menu_order numeric int:0:30
        post_type status pick:post,page,attachment
        post_mime_type status|text pick:image/png,image/jpeg,application/pdf
        comment_count numeric int:0:90""",
    "users": """
        user_id id int:1:100000000
        username text! slug
        login text! slug
        full_name text! person
        avatar_url text url
        user_type status pick:User,Organization,Bot
        site_admin boolean bool
        company text words
        location text words
        bio text words
        public_repos numeric int:0:400
        followers numeric int:0:9000
        hireable boolean bool
        role status pick:admin,editor,viewer
        active boolean flag01
        is_deleted boolean flag01
        mobile_no text! phone
        ssn text! ssn
        iban id|text! iban
        session_token text! hash
        createdAt timestamp epoch_ms
        failed_attempts numeric int:0:5
        department status pick:sales,it,hr
        manager_id id int:1:90
        salary numeric int:30000:200000
        age numeric int:18:90""",
    "user_actions": """
        user_id id int:1:5000
        action status pick:view,click,buy,search
        content_id id uuid
        client_ip text! ip
        user_agent text agent
        session_id id hash
        duration_ms numeric int:1:9000
        success boolean bool
        error_message text words
        timestamp timestamp iso""",
    "service_metrics": """
        service_id status|id pick:api,web,worker
        cpu_usage numeric money
        memory_usage numeric money
        disk_usage numeric money
        request_rate numeric money
        error_rate numeric ratio
        latency numeric money
        cache_hit_rate numeric ratio
        ts timestamp epoch""",
    "measurements": """
        name status pick:requests,errors,latency,memory,cpu
        value numeric money
        unit status pick:ms,count,bytes
        tags json json
        timestamp timestamp iso""",
    "heartbeats": """
        service status pick:api,web,worker,cron
        status status pick:healthy,degraded,unhealthy
        request_count numeric int:0:9000
        error_count numeric int:0:90
        avg_latency numeric money
        uptime numeric int:0:900000""",
    "task_runs": """
        task_id id uuid
        task_type status pick:etl,mail,report
        start timestamp iso
        end timestamp iso
        duration_ms numeric int:1:90000
        status status pick:success,failed,running
        cpu_usage_percent numeric money
        memory_usage_mb numeric money
        error_message text words
        context json json""",
    "access_log": """
        request_id id hash
        method status pick:GET,POST,PUT
        path text url_path
        status_code status pick_int:200,201,404,500
        http_version status|text pick:1.1,2
        response_time numeric money
        bytes_sent numeric int:0:99999
        remote_addr text! ip
        referer text url
        country_code status pick:DE,US,FR
        host text words
        port numeric int:1024:65000
        level status pick:INFO,WARN,ERROR
        app_version text version
        trace_id id hash
        retry_count numeric int:0:3
        cached boolean bool""",
    "Bestellungen": """
        BestellNr id serial
        Kundennummer id int:1000:9000
        Bestelldatum timestamp date
        Betrag numeric text_money
        Menge numeric int:1:20
        Waehrung status pick:EUR,CHF
        Zahlungsart status pick:Rechnung,Karte,PayPal
        Zustand status pick:offen,bezahlt,versandt
        Vorname text! first
        Nachname text! first
        Strasse text! words
        PLZ text digits:5
        Ort text words
        Telefon text! phone
        Bemerkung text words
        ist_storniert boolean flag01
        erstellt_am timestamp sqltime
        geändert_am timestamp sqltime""",
    "pedidos": """
        id_pedido id serial
        cliente_id id int:1:900
        fecha_pedido timestamp date
        importe numeric text_money
        cantidad numeric int:1:9
        estado status pick:pendiente,pagado,enviado
        tipo_pago status pick:tarjeta,efectivo
        nombre text words
        correo text! email
        telefono text! phone
        direccion text! words
        codigo_postal text digits:5
        es_regalo boolean bool
        creado_en timestamp iso""",
    "products": """
        product_id id serial
        sku id code:SKU-
        product_name text words
        brand status pick:acme,globex,initech
        category status pick:books,toys,garden,food
        price numeric text_money
        cost numeric text_money
        weight_kg numeric money
        stock_quantity numeric int:0:900
        reorder_level numeric int:0:30
        rating numeric int:1:5
        review_count numeric int:0:900
        barcode id digits:13
        color status pick:red,blue,green
        size status pick:S,M,L,XL
        discontinued boolean flag01
        image_url text url
        dimensions json json
        model_year numeric int:2015:2026
        valid_from timestamp date
        version numeric int:1:12
        position numeric int:0:50
        parent_id id int:1:90""",
    "tblKunden": """
        strKundenName text! person
        intAlter numeric int:18:90
        dtErstellt timestamp sqltime
        blnAktiv boolean flag01
        fkLand id|status int:1:30
        decUmsatz numeric text_money""",
    "bank_transactions": """
        transaction_id id uuid
        account_number id! digits:10
        card_number text! card
        amount numeric text_money
        balance_after numeric text_money
        transaction_type status pick:debit,credit
        merchant_name text words
        mcc status|id|text pick_int:5411,5812,5999
        booking_date timestamp date
        value_date timestamp date
        is_fraud boolean bool
        channel status pick:atm,online,branch
        exchange_rate numeric money
        reference id|text code:REF
        posted timestamp epoch_us
        created_by text|id first
        fee numeric text_money
        priority status int:1:3
        severity status int:1:4
        attempts numeric int:1:3""",
    "iot_readings": """
        device_id id code:dev-
        sensor_type status pick:temp,hum,co2
        temperature_c numeric money
        humidity numeric money
        battery_level numeric int:0:100
        lat numeric coord
        lng numeric coord
        firmware_version text version
        recorded_at timestamp epoch_ms
        signal_strength numeric neg
        alarm boolean flag01
        seq id|numeric serial
        payload json json
        mac_address text! mac""",
}
"""Table name -> its fields."""

_FIRST = ("Ana", "José", "Zoë", "Omar", "Nina", "Li", "Eva", "Tom", "Kim", "Raj")
_WORDS = ("lorem", "ipsum", "dolor", "sit", "amet", "elitr", "sed", "diam", "nonumy", "eirmod")
_START = datetime(2025, 6, 1, tzinfo=UTC)

Maker = Callable[[random.Random, int], Any]


def fields_of(schema: str) -> list[tuple[str, frozenset[Role], bool, str]]:
    """Name, possible roles, whether sensitive, and maker of each field."""
    found = []
    for line in schema.strip().splitlines():
        name, roles, maker = line.strip().split(" ", 2)
        options = frozenset(Role(each) for each in roles.rstrip("!").split("|"))
        found.append((name, options, roles.endswith("!"), maker))
    return found


def rows_of(schema: str, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows of a table; about one value in twenty of a field that is no id is null."""
    rng = random.Random(seed)
    fields = fields_of(schema)
    return [
        {
            name: None if Role.ID not in roles and rng.random() < 0.05 else make(maker, rng, n)
            for name, roles, _, maker in fields
        }
        for n in range(count)
    ]


def make(maker: str, rng: random.Random, n: int) -> Any:
    """One value."""
    kind, _, argument = maker.partition(":")
    if kind == "int":
        low, high = map(int, argument.split(":"))
        return rng.randint(low, high)
    if kind == "pick":
        return rng.choice(argument.split(","))
    if kind == "pick_int":
        return int(rng.choice(argument.split(",")))
    if kind == "code":
        return f"{argument}{rng.getrandbits(60):x}{n}"
    if kind == "digits":
        return "".join(rng.choices("0123456789", k=int(argument)))
    return _MAKERS[kind](rng, n)


def _moment(rng: random.Random) -> datetime:
    return _START + timedelta(microseconds=rng.randrange(10**13))


_MAKERS: dict[str, Maker] = {
    "serial": lambda _, n: n + 1,
    "bigint": lambda rng, _: 4_500_000_000_000 + rng.randrange(10**9),
    "uuid": lambda rng, _: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    "money": lambda rng, _: round(rng.lognormvariate(3, 1), 2),
    "text_money": lambda rng, _: f"{rng.lognormvariate(3, 1):.2f}",
    "ratio": lambda rng, _: round(rng.random(), 2),
    "coord": lambda rng, _: round(rng.uniform(-90, 90), 6),
    "neg": lambda rng, _: -rng.randint(30, 110),
    "bool": lambda rng, _: rng.random() < 0.4,
    "flag01": lambda rng, _: int(rng.random() < 0.4),
    "iso": lambda rng, _: _moment(rng).isoformat().replace("+00:00", "Z"),
    "sqltime": lambda rng, _: _moment(rng).strftime("%Y-%m-%d %H:%M:%S"),
    "date": lambda rng, _: _moment(rng).strftime("%Y-%m-%d"),
    "epoch": lambda rng, _: int(_moment(rng).timestamp()),
    "epoch_ms": lambda rng, _: int(_moment(rng).timestamp() * 1e3),
    "epoch_us": lambda rng, _: int(_moment(rng).timestamp() * 1e6),
    "words": lambda rng, _: " ".join(rng.choices(_WORDS, k=rng.randint(2, 9))).capitalize(),
    "first": lambda rng, _: rng.choice(_FIRST),
    "person": lambda rng, _: f"{rng.choice(_FIRST)} {rng.choice(_WORDS).capitalize()}",
    "email": lambda rng, n: f"user{n}.{rng.choice(_WORDS)}@example.com",
    "phone": lambda rng, _: f"+49 30 {rng.randint(100_000, 9_999_999)}",
    "zip": lambda rng, _: rng.choice(("10115", "SW1A 1AA", "K1A 0B1", "98052", "02134")),
    "hash": lambda rng, _: f"{rng.getrandbits(160):040x}",
    "ip": lambda rng, _: ".".join(str(rng.randint(1, 254)) for _ in range(4)),
    "mac": lambda rng, _: ":".join(f"{rng.randrange(256):02x}" for _ in range(6)),
    "ssn": lambda rng, _: (
        f"{rng.randint(100, 899)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}"
    ),
    "iban": lambda rng, _: f"DE{rng.randint(10, 99)}{rng.randrange(10**18):018d}",
    "card": lambda rng, _: f"4{rng.randrange(10**15):015d}",
    "slug": lambda rng, n: f"{rng.choice(_WORDS)}-{rng.choice(_WORDS)}{n}",
    "url": lambda rng, n: f"https://example.com/{rng.choice(_WORDS)}/{n}",
    "url_path": lambda rng, n: f"/api/{rng.choice(_WORDS)}/{n}",
    "agent": lambda rng, n: f"Mozilla/5.0 (X11; Linux x86_64) {rng.choice(_WORDS)}/{n}.0",
    "version": lambda rng, _: f"{rng.randint(1, 3)}.{rng.randint(0, 9)}.{rng.randint(0, 30)}",
    "json": lambda rng, _: {"a": rng.randint(1, 9), "b": [1, 2]},
    "list": lambda rng, _: rng.sample(_WORDS, 2),
}

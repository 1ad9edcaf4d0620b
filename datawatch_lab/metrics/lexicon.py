"""Words of field names and what they hint at: English, with the common German and Spanish ones.

Pure data. The head of a name counts most: ``status_updated_at`` is a time, ``payment_method_id`` an
id, ``order_total`` an amount. Words are lower-case, singular or plural as they occur.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ID_HEADS = _words(
    """
    id ids uuid guid oid uid pid sid gid rid cid key pk fk sku upc ean gtin isbn asin vin
    barcode imei imsi iban bic nr nummer kennung schluessel ref reference referenz referencia
    identifier ident lsn xid txid handle ulid arn sha clave folio cedula nif dni matricula gln
    kundennr bestellnr rechnungsnr kundennummer bestellnummer rechnungsnummer artikelnummer
    auftragsnummer vertragsnummer clerk msisdn
    """
)
NUMBER_HEADS = _words("number num no numero nr nummer")
"""Heads that mean an identifier in most names (order_number) and an ordinal in some."""

ORDINALS = _words(
    """
    line page row version sequence seq lap episode season chapter floor level round revision
    retry attempt item position week day month year step period lot installment zeile seite
    """
)
TIME_HEADS = _words(
    """
    at on date datetime timestamp ts time dt dts since until when birthday dob expiry
    expiration expires created updated modified deleted inserted changed datum zeit zeitpunkt
    zeitstempel fecha hora am um login logout seen deadline due eta tstamp utc createdate
    moddate lastmod geburtsdatum hired checkin checkout
    """
)
TIME_STARTS = _words("date datetime timestamp fecha datum time ts")
TIME_PARTICIPLES = _words(
    """
    created expires sent paid begin start end finish last_seen
    """
)
"""Words that are times when their values are; so is any that ends in -ed."""
MOMENT_HEADS = _words("at date datetime timestamp ts since until datum fecha zeitpunkt")
"""Heads that mean a point in time and hardly ever a span."""

MOMENT_STARTS = _words(
    "start end begin finish due create update delete join leave expire expiry open close"
)
"""Words before ``time`` that make it a point in time: ``end_time``, ``leave_time``."""

ACTS = _words(
    """
    update login logout access activity visit change sync run ping check edit modification
    purchase backup refresh
    """
)
"""What was last done: ``last_login`` and ``last_icon_update`` say when."""

REFERRING = _words("reports assigned belongs replies reply refers linked related responds")
"""Words before ``to`` that make it a reference to another row: ``reports_to``."""

RANKED = _words("sort sorting display menu list tab view print play show load column field")
"""Words before ``order`` that make it a rank, not what a customer orders."""

DIGESTS = _words("hash checksum fingerprint digest crc crc32 md5 sha1 sha256")
"""Numbers with such a name identify what they were made of."""

NOT_PARTICIPLES = _words("speed feed need seed bed shed weed greed embed")
"""Words that end in -ed without saying that something was done."""

NUMERIC = _words(
    """
    amount amounts amt price prices cost costs total totals subtotal sum tax taxes vat
    discount discounts fee fees fare tip tips toll charge charges balance bal revenue income
    profit margin salary wage bonus budget value val rate qty quantity quantities count counts
    cnt score scores rating points weight height width length depth size area volume distance
    duration latency age year years speed temperature temp humidity pressure lat lng lon long
    latitude longitude altitude elevation percent percentage pct ratio share fraction index
    rank position limit credit debit payment freight stock inventory capacity usage cpu memory
    bytes ms seconds sec secs minutes mins hours hrs days weeks months milliseconds millis
    rooms bedrooms bathrooms beds seats guests adults children population views clicks likes
    followers impressions visits sessions conversions hits errors retries attempts requests
    throughput uptime load betrag preis preise menge anzahl summe gesamt gesamtbetrag kosten
    steuer mwst rabatt gewicht groesse laenge breite hoehe alter dauer umsatz gebuehr bestand
    precio cantidad importe monto suma coste costo impuesto descuento saldo peso altura edad
    tasa prix montant quantite nombre_de poids kb mb gb tb kg km miles usd eur gbp cents
    priceusd discounted price_cents quantity_on_hand onhand threshold min max avg mean median
    stddev std variance deviation yield wins losses goals odometer mileage kilometers
    horsepower hp mpg calories num number_of
    """
)
COUNT_STARTS = _words(
    """
    num number count nb n anzahl cantidad avg sum min max mean
    """
)
NUMERIC_STARTS = _words("total amount units")
STATUS = _words(
    """
    style contract origin disposition association status statuses state states stat type types
    typ kind category categories class stage phase tier plan mode method methods channel
    channels currency currencies ccy language lang locale country countries gender sex
    priority severity role roles platform device os browser source medium region segment grade
    brand provider gateway environment env action operation op outcome result carrier
    visibility scope protocol format department dept division team flag reason event level
    direction side unit uom shift resolution strategy policy genre frequency interval cycle
    color colour zustand art kategorie klasse stufe waehrung sprache land geschlecht
    prioritaet abteilung kanal zahlungsart versandart anrede salutation honorific
    title_of_courtesy courtesy estado tipo categoria clase moneda divisa idioma pais genero
    sexo prioridad departamento canal metodo statut devise langue pays theme group model_type
    datatype tag trend condition quality rating_code mpaa topic tipo_pago service operator
    fulfillment risk mktsegment orderpriority orderstatus linestatus returnflag shipmode
    shipinstruct continent
    """
)
INTEGER_STATUS = _words(
    """
    status state type typ kind category class stage phase tier mode method priority severity
    role gender sex flag reason channel source estado tipo zustand prioritaet prioridad code
    level_code visibility art resolution outcome result plan
    """
)
BOOLEAN_STARTS = _words(
    """
    is has have can should allow allows allowed enable enabled disable disabled was will does
    did use uses needs requires require accepts accept opt show hide ist hat kann es tiene
    puede est in_stock
    """
)
BOOLEAN_WORDS = _words(
    """
    active inactive deleted enabled disabled verified confirmed approved archived locked
    hidden visible public private published default primary required optional valid invalid
    success successful succeeded failed completed done paid shipped cancelled canceled
    refunded discontinued subscribed unsubscribed blocked banned suspended featured available
    taxable virtual gift flag bool boolean consent newsletter marketing premium vip test fraud
    fraudulent aktiv geloescht gesperrt bestaetigt activo activa habilitado eliminado
    verificado read seen sent opened clicked converted churned returned resolved processed
    survived holiday workingday online offline recurring express insured redeemed closed
    captured livemode included overdue anonymous admin superuser staff
    """
)
TEXT_HEADS = _words(
    """
    name names email emails mail phone phones mobile cell fax telephone tel telefon telefono
    celular handy address addresses addr street strasse direccion calle city town ort stadt
    ciudad zip zipcode postcode postal plz cp description desc descripcion beschreibung
    comment comments kommentar comentario note notes notiz remark remarks message msg body
    text content summary title subject headline bio about url uri link href website homepage
    domain host hostname path file filename filepath image img photo picture avatar thumbnail
    icon agent useragent ua ip ipaddress referrer referer query search keyword keywords tags
    slug password passwd pwd hash secret token salt vorname nachname nombre apellido apellidos
    firstname lastname fullname username login nickname surname firma company empresa
    instructions details detail bemerkung label composer author artist lyrics stacktrace trace
    exception payload_text signature iban_holder address1 address2 address3 line1 line2
    extension pin cvv cvc ssn version stmt reviews review feedback reply province county
    district suburb neighborhood neighbourhood timezone tz coordinates checksum md5 sha1
    sha256 etag fingerprint command features hint location place venue job occupation
    profession position_title designation birthplace nationality correo
    """
)
JSON_WORDS = _words(
    """
    json metadata meta attributes attrs properties props payload settings preferences config
    options data tags dimensions context extra extras raw params parameters labels items
    """
)
PLACES = _words(
    """
    city town ort stadt ciudad province county district location place venue region state
    """
)

SECRETS = _words(
    """
    password passwd pwd secret token tokens salt otp pin cvv cvc credential credentials cookie
    jwt passphrase auth kennwort passwort contrasena contrasenia signature authorization
    """
)
SECRET_KEYS = _words(
    """
    api secret private access encryption signing auth license
    """
)
CONTACTS = _words(
    """
    email emails mail correo phone phones mobile cell fax telephone tel telefon telefono
    celular handy telefonnummer mobilnummer msisdn address addresses addr address1 address2
    address3 street strasse direccion calle line1 line2 ip ipaddress ipv4 ipv6 mac imei imsi
    skype whatsapp anschrift adresse hausnummer domicilio
    """
)
PERSON_NAMES = _words(
    """
    firstname lastname fullname middlename surname username nickname forename vorname nachname
    apellido apellidos login screenname maidenname familyname givenname legalname
    cardholder payee passenger spouse beneficiary
    """
)
NAME_OF_PERSON = _words(
    """
    first last full middle family given sur nick user contact recipient holder maiden
    customer client buyer seller employee person owner author patient guest driver member
    billing shipping legal cardholder agent manager passenger student teacher doctor screen
    sender receiver account preferred kunde kunden ansprechpartner cliente empleado reviewer
    approver creator editor assignee requester reporter submitter caller attendee tenant donor
    applicant candidate subscriber voter payer
    """
)
PERSON_TABLES = _words(
    """
    user users customer customers client clients person persons people employee employees
    staff member members patient patients contact contacts student students teacher teachers
    driver drivers author authors guest guests subscriber subscribers lead leads kunde kunden
    mitarbeiter personen cliente clientes empleado empleados usuario usuarios passenger
    passengers actor actors account_holder visitors profile profiles candidate candidates
    applicant applicants buyer buyers
    """
)
IDENTITY_NUMBERS = _words(
    """
    ssn passport national tax vat social iban license licence sozialversicherungsnummer
    steuernummer steuer dni nif nie cedula curp rfc cpf aadhaar insurance
    """
)
BIRTH = _words(
    """
    birth birthday birthdate dob born geburtsdatum geburtstag geburt nacimiento birthplace
    """
)
CARDS = _words("card pan ccn creditcard cc kreditkarte tarjeta")

GLUED_HEADS = (
    "datetime",
    "timestamp",
    "date",
    "time",
    "price",
    "amount",
    "status",
    "number",
    "total",
    "quantity",
    "count",
    "type",
    "code",
    "name",
    "flag",
    "key",
    "priority",
    "segment",
    "cost",
    "comment",
    "phone",
    "address",
    "nummer",
    "datum",
    "betrag",
    "preis",
    "menge",
)
"""Words that end names written without a separator, as in ``orderdate`` or ``l_shipdate``."""

GLUED_ID_STEMS = _words(
    """
    user cust customer order product prod item category cat account acct emp employee session
    device group parent store shop client vendor supplier event message msg post comment
    transaction trans txn tx invoice payment location loc dept department region country city
    company org team project task ticket tenant visitor track album artist playlist genre role
    media person contact address part nation supp partsupp line row rec record doc file image
    job run batch request req trace span case lead deal campaign ad gu uu film actor staff
    rental inventory language book author movie school student teacher course class patient
    """
)
NOT_KEYS = _words(
    """
    hotkey monkey turkey donkey hockey whiskey jockey lackey hokey
    """
)
ZIP = _words("zip zipcode postcode postal plz cp postleitzahl")
NOT_ID_NUMBERS = _words(
    """
    phone mobile cell fax telephone tel contact card cc house street flat room apartment apt
    building suite hausnr haus unit telefon
    """
)
HTTP_CODES = _words(
    """
    status response http exit error return result reason statuscode
    """
)
CODE_STATUS = HTTP_CODES | _words(
    """
    country currency language lang state region locale type category unit
    """
)
NOT_TIMES = _words(
    """
    response processing execution lead run cook prep elapsed waiting wait delivery_days travel
    flight load uptime render query cpu play total
    """
)

NAMES_OF_THINGS = _words(
    """
    name names label title city town ort stadt ciudad province county district suburb place
    location venue version host hostname domain company firma empresa agent path query keyword
    timezone tz extension feature features job occupation profession designation nationality
    author artist composer command
    """
)
"""Heads of text whose values are states after all where a dozen of them repeat."""

MEASURED_STATES = _words(
    """
    level resolution interval frequency cycle quality risk shift unit grade size trend
    """
)
"""Words of states that, given as integers, are measures after all."""

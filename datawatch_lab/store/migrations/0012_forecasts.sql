-- Steps of forecasts that were given, for comparing them with what happened; see core/forecasts.py.

CREATE TABLE meta.forecasts (
    id UUID NOT NULL,
    metric VARCHAR NOT NULL,
    scope VARCHAR NOT NULL,
    labels VARCHAR NOT NULL,
    step BIGINT NOT NULL,  -- seconds
    made TIMESTAMP NOT NULL,
    "at" TIMESTAMP NOT NULL,
    lead INTEGER NOT NULL,
    value DOUBLE NOT NULL,
    low DOUBLE NOT NULL,
    high DOUBLE NOT NULL,
    level DOUBLE NOT NULL,
    model VARCHAR NOT NULL
);

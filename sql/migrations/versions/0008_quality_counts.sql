-- How many values of a field were refused or taken as another one, by the hour in which the scoring server reported them, and
-- how many predictions repeated a transaction id, by the hour in which they were counted.
CREATE TABLE quality_counts (
    use_case  text NOT NULL,
    hour      timestamptz NOT NULL,
    field     text NOT NULL,
    treatment text NOT NULL,
    n         bigint NOT NULL,
    PRIMARY KEY (use_case, hour, field, treatment)
);

-- Labels of the last days are compared with the log at each drift check.
CREATE INDEX label_store_by_time ON label_store (use_case, received_at);

-- Labelled history that the ingest DAG imported: of each transaction the version that was read last. A retraining makes a snapshot
-- of it. Features are the raw ones of the contract, in its order.
CREATE TABLE ingested_rows (
    use_case       text NOT NULL,
    transaction_id text NOT NULL,
    entity_key     text,
    event_time     timestamptz NOT NULL,
    label          smallint NOT NULL CHECK (label IN (0, 1)),
    contract_hash  text NOT NULL,
    features       double precision[] NOT NULL,
    imported_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (use_case, transaction_id)
);

-- Every label that was read, so that reading it again changes nothing, whatever other labels came meanwhile. The labels themselves
-- are in label_store.
CREATE TABLE ingested_labels (
    use_case       text NOT NULL,
    transaction_id text NOT NULL,
    labelled_at    timestamptz NOT NULL,
    label          smallint NOT NULL,
    imported_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (use_case, transaction_id, labelled_at, label)
);

-- Files of a folder that were imported whole.
CREATE TABLE ingested_files (
    use_case    text NOT NULL,
    source      text NOT NULL CHECK (source IN ('history', 'labels')),
    name        text NOT NULL,
    digest      text NOT NULL,
    size        bigint NOT NULL,
    modified_at timestamptz NOT NULL,
    rows        bigint NOT NULL,
    imported_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (use_case, source, name, digest)
);

-- The newest change that a query has returned.
CREATE TABLE ingest_watermarks (
    use_case  text NOT NULL,
    source    text NOT NULL CHECK (source IN ('history', 'labels')),
    watermark timestamptz NOT NULL,
    moved_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (use_case, source)
);

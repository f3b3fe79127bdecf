-- Contributions are an array in the order of the version's contract, as features are: under a quarter of the size of named
-- ones, and read as columns. What was explained before is explained anew.
ALTER TABLE explanations DROP COLUMN contributions;
ALTER TABLE explanations
    ADD COLUMN contributions double precision[],
    ADD COLUMN share double precision; -- with which chance the policy picks such a prediction; NULL when it did not
ALTER TABLE explanations ALTER COLUMN requested_at DROP NOT NULL, ALTER COLUMN requested_at DROP DEFAULT;
UPDATE explanations SET status = 'PENDING', attempts = 0, base_value = NULL, completed_at = NULL, chunk = NULL, requested_at = NULL
WHERE status = 'COMPLETED';
CREATE INDEX explanations_of_chunk ON explanations (use_case, chunk) WHERE status = 'PENDING';
CREATE INDEX explanations_failed ON explanations (use_case, prediction_id) WHERE status = 'FAILED';
CREATE INDEX explanations_over_time ON explanations USING brin (scored_at);

-- With which chance a policy picks a prediction to be explained: flagged ones, and by the digits of their id a share of the rest.
CREATE FUNCTION explanation_share(selection text, sample double precision, predicted_label smallint, prediction_id uuid)
RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN selection = 'all' OR selection = 'flagged' AND predicted_label = 1 THEN 1
                WHEN selection = 'flagged' AND mod(abs(hashtextextended(prediction_id::text, 0)), 10000) < ceil(sample * 10000)
                THEN ceil(sample * 10000) / 10000 END
$$;

-- The transaction id up to which the log was looked through for predictions to explain.
CREATE TABLE explanation_watermarks (
    use_case   text PRIMARY KEY,
    logged_xid xid8 NOT NULL
);

-- How much each feature moved scores, per time bucket of the drift step: sums over explained predictions that the policy picked.
-- A prediction weighs w = 1 / share, x is its |contribution| in log-odds; from the sums follow means and their errors.
CREATE TABLE attribution_rollups (
    use_case      text NOT NULL,
    bucket        timestamptz NOT NULL,
    model_version integer NOT NULL,
    feature       text NOT NULL,
    n             bigint NOT NULL,
    w             double precision NOT NULL,
    ww            double precision NOT NULL,
    wx            double precision NOT NULL,
    wwx           double precision NOT NULL,
    wwxx          double precision NOT NULL,
    PRIMARY KEY (use_case, bucket, model_version, feature)
);

-- The model version that an alert is about, NULL when it is about none, and why an alert was resolved.
ALTER TABLE monitoring_alerts
    ADD COLUMN model_version integer,
    ADD COLUMN resolution    text;

-- Who listens hears of alerts that open, close, or change their severity; a refreshed message is no news.
CREATE FUNCTION announce_alert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sixgate_alerts', NEW.id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER alerts_opened AFTER INSERT ON monitoring_alerts
    FOR EACH ROW EXECUTE FUNCTION announce_alert();
CREATE TRIGGER alerts_changed AFTER UPDATE ON monitoring_alerts
    FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.severity <> NEW.severity) EXECUTE FUNCTION announce_alert();

"""From rows to candidates: search, calibration, thresholds and export."""

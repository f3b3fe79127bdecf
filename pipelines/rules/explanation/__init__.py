"""Why a score came out as it did: SHAP values, exact and fast."""

"""Airflow as a library: it is imported without its database, its home and its logging."""

from __future__ import annotations

import tempfile
import warnings

import pytest

with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
    warnings.simplefilter("ignore")  # raised inside Airflow when it is imported
    patch.setenv("_AIRFLOW__AS_LIBRARY", "1")
    patch.setenv("AIRFLOW_HOME", tempfile.mkdtemp())
    import sixgate_airflow  # noqa: F401
    import sixgate_pages.plugins
    import sixgate_pages.visit  # noqa: F401

"""What people look at: tables, plots, model cards and drift reports."""

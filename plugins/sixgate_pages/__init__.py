"""The building blocks of Sixgate's pages in Airflow's UI; see docs/how-to/add-a-page.md."""

"""Rules of importing files: names of columns, values of columns, checks of rows."""

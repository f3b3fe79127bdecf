"""The processes of the stack: how each is started, and what each may access."""

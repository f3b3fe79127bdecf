"""The processes of the stack, and what each may touch."""

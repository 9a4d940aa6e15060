"""Everything that a person or an agent can do, one module per kind of action."""

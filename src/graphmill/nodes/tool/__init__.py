"""tool: one call of a tool and what it gave (`nodes §11`); the agent node shares its pieces."""

"""Tools behind `ports.tools`: built in, described by OpenAPI, MCP servers, other apps."""

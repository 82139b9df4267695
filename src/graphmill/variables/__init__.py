"""Values and how nodes refer to them: types, selectors, pool, templates, conditions. Pure."""

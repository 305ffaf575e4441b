"""The language that specs are written in: values, facets, YAML with places. It knows no kind."""

"""The service's addresses, one module a subject."""

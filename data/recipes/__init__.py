"""One module a data file: how it is made from its source package."""

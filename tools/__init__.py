"""Tools of the tree: checks, catalogues, measures."""

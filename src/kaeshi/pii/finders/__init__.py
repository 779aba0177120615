"""Name finders: word lists, the embedded model, spaCy, a token classifier."""

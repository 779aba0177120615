"""Where names are found: word lists, the embedded model, spaCy, a token classifier."""

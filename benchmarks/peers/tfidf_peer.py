"""TF-IDF of words and pairs, and a linear classifier, as scikit-learn has them.

Runs in an environment of its own (README.md here).
"""

import json
import sys

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

told = json.load(sys.stdin)
model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LinearSVC())
model.fit(told["train"], told["labels"])
json.dump(model.predict(told["test"]).tolist(), sys.stdout)

"""A classifier of scikit-learn on counts of k-mers; see sklearn_kmers.toml beside it."""

import joblib
import numpy as np


def build(model, k=6):
    """A function of one-hot batches, (batch, length, 4), that gives a probability for each.

    A file of joblib's is a pickle: loading it runs what is in it.
    """
    fitted = joblib.load(model)
    return lambda onehot: fitted.predict_proba(count_kmers(onehot, k))[:, 1]


def count_kmers(onehot, k):
    """How often each word of k letters stands in a sequence, (batch, 4**k); none with an N."""
    codes, known = onehot.argmax(axis=2), onehot.max(axis=2) == 1
    starts = codes.shape[1] - k + 1
    words = sum(codes[:, i : i + starts] * 4 ** (k - 1 - i) for i in range(k))
    whole = np.all([known[:, i : i + starts] for i in range(k)], axis=0)
    return np.stack(
        [np.bincount(row[there], minlength=4**k) for row, there in zip(words, whole, strict=True)]
    )

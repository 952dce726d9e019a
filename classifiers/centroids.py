"""Clusters of embeddings: k-means on a sample, and in which clusters a text is compared.

All vectors have a length of 1, centres too (spherical k-means: Dhillon and Modha 2001, doi 10.1023/A:1007612920971).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from classifiers.words import Integers

Vectors: TypeAlias = npt.NDArray[np.float32]

_ROUNDS = 10
_ROWS = 2048  # vectors whose products with all centres are in memory at a time


def centroids_of(sample: Vectors, count: int) -> Vectors:
    """The centres of at most `count` clusters of a sample, (count, dimensions), begun at its first vectors. Same sample, same centres."""
    centroids = sample[:count].copy()
    for _ in range(_ROUNDS):
        own = np.concatenate([np.argmax(sample[at : at + _ROWS] @ centroids.T, axis=1) for at in range(0, len(sample), _ROWS)])
        sums = np.zeros(centroids.shape, np.float64)
        np.add.at(sums, own, sample)
        norms = np.linalg.norm(sums, axis=1)
        moved = np.where(norms[:, None] > 0, sums / np.maximum(norms, 1e-12)[:, None], centroids).astype(np.float32)
        if np.array_equal(moved, centroids):
            break
        centroids = moved
    return centroids


def visits_of(vectors: Vectors, centroids: Vectors, threshold: float, neighbours: int) -> tuple[Integers, Integers, Vectors]:
    """The clusters in which each text is compared: numbers of texts, of clusters, and the cosine of each text with its own centre.

    The first visit of each text is to its own cluster. Of two texts whose cosine reaches the threshold, and that have different clusters,
    at least one visits the other's: what parts them is the plane between both centres, and one of them is no farther from it than half
    their distance. That holds where no text has more such neighbours than these; else it visits the nearest of them.
    """
    texts, clusters, own_cosines = [], [], []
    reach = np.sqrt(max(0.0, 2 - 2 * threshold)) / 2 + 1e-3  # the last for vectors of 16 bits
    for at in range(0, len(vectors), _ROWS):
        block = vectors[at : at + _ROWS]
        products = block @ centroids.T
        most = min(1 + neighbours, len(centroids))
        nearest = np.argpartition(-products, most - 1, axis=1)[:, :most]
        rows = np.arange(len(block))[:, None]
        nearest = nearest[rows, np.argsort(-products[rows, nearest], axis=1, kind="stable")]
        cosines = products[rows, nearest]
        apart = np.linalg.norm(centroids[nearest] - centroids[nearest[:, :1]], axis=2)
        near = cosines[:, :1] - cosines <= reach * apart
        near[:, 0] = True
        text, place = np.nonzero(near)
        texts.append(text + at)
        clusters.append(nearest[text, place])
        own_cosines.append(cosines[:, 0])
    if not texts:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    return np.concatenate(texts), np.concatenate(clusters), np.concatenate(own_cosines)

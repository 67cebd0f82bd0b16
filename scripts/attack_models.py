"""The attackers: recognisers that are trained on what they attack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDS = 5
TINY = 1e-4
"""Noise for what has no variance at all, in which components cannot be found."""


class Network(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A small convolutional network, on square pictures."""

    def __init__(self, epochs: int = 40, seed: int = 0) -> None:
        """Args: epochs: of training. seed: of its weights."""
        self.epochs = epochs
        self.seed = seed

    def fit(self, x: np.ndarray, y: np.ndarray) -> Network:
        """Train on pictures in rows."""
        import torch  # noqa: PLC0415 - an extra
        from torch import nn  # noqa: PLC0415

        torch.manual_seed(self.seed)
        self.classes_ = np.unique(y)
        self.mean_, self.spread_ = x.mean(), x.std() + 1e-3
        self.net_ = nn.Sequential(
            nn.Conv2d(1, 16, 5, 2, 2), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 64, 3, 2, 1), nn.BatchNorm2d(64), nn.ReLU(),
            nn.Flatten(), nn.Dropout(0.3), nn.LazyLinear(len(self.classes_)),
        )  # fmt: skip
        pictures, names = self._pictures(x), torch.from_numpy(np.searchsorted(self.classes_, y))
        self.net_(pictures[:2])
        optimizer = torch.optim.AdamW(self.net_.parameters(), 2e-3, weight_decay=0.02)
        for _ in range(self.epochs):
            for batch in torch.randperm(len(pictures)).split(32):
                optimizer.zero_grad()
                given = pictures[batch]
                flipped = torch.rand(len(batch)) < 0.5
                given[flipped] = given[flipped].flip(-1)
                nn.functional.cross_entropy(self.net_(given), names[batch]).backward()
                optimizer.step()
        self.net_.eval()
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The most likely name of each."""
        import torch  # noqa: PLC0415 - an extra

        with torch.no_grad():
            return self.classes_[self.net_(self._pictures(x)).argmax(1).numpy()]

    def _pictures(self, x: np.ndarray) -> Any:
        import torch  # noqa: PLC0415 - an extra

        side = round(x.shape[1] ** 0.5)
        scaled = ((x - self.mean_) / self.spread_).astype(np.float32)
        return torch.from_numpy(scaled.reshape(-1, 1, side, side))


def _kernel(size: int) -> Any:
    return make_pipeline(PCA(min(60, size), random_state=0), StandardScaler(), SVC(C=10))


def _discriminants(size: int) -> Any:
    shrunk = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
    return make_pipeline(PCA(min(40, size), random_state=0), shrunk)


ATTACKERS: dict[str, Callable[[int], Any]] = {
    "kernel": _kernel,
    "discriminants": _discriminants,
    "network": lambda _: Network(),
}


def closed_set(
    make: Callable[[int], Any],
    rows: np.ndarray,
    people: int = 0,
    *,
    names: np.ndarray | None = None,
) -> np.ndarray:
    """The name that each row gets from an attacker who was trained on four fifths of the others."""
    if names is None:
        names = np.repeat(np.arange(people), len(rows) // people)
    rows = rows + np.random.default_rng(0).normal(0, TINY, rows.shape)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    return np.asarray(cross_val_predict(make(rows.shape[1]), rows, names, cv=folds))


def restored(clear: np.ndarray, hidden: np.ndarray, people: int) -> np.ndarray:
    """Names by faces that were learned back.

    The inverse is trained on half of the people, and used on the other half, whom a recogniser
    knows by their clear faces only.
    """
    photos = len(clear) // people
    person = np.repeat(np.arange(people), photos)
    answers = np.full(len(clear), -1)
    for known in (person < people // 2, person >= people // 2):
        inverse = KernelRidge(alpha=1.0, kernel="rbf", gamma=1 / hidden.shape[1])
        inverse.fit(hidden[known], clear[known])
        back = inverse.predict(hidden[~known])
        recogniser = _kernel(clear.shape[1]).fit(clear[~known], person[~known])
        answers[~known] = recogniser.predict(back)
    return answers

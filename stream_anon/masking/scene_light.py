"""What light and a trembling camera change in a scene: they move or brighten it, and all of it.

Light that changes multiplies what is there by a field that is smooth over the picture; whoever
walks in does not. The field is a polynomial fitted to most of the scene by iteratively reweighted
least squares with Tukey's weights, which leave out what it does not explain.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.masking.scene_picture import Colors

BLACK = 10.0
"""Luma below which nothing is multiplied: between the video range's black and that of files."""
DEGREE = 4
"""Of the luma field: the light of a lamp falls off within the picture."""
CHROMA_DEGREE = 2
STRIDE = 4
"""Every fourth cell of every fourth row is looked at."""
ROUNDS = 4
"""Of reweighting."""
LEAST_SCALE = 0.03
"""Logarithm of the gain within which cells agree, at least."""
LEAST_CELLS = 200
"""Cells that a field is fitted to."""
STIFF = 3e-4
"""How much less than the data says the field bends: where somebody stands, there is no data."""
FURTHEST = 0.03
"""Share of the picture's width by which a camera trembles at most."""
BETTER = 0.9
"""Share of the difference that is left where a shift explains it."""


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """The light of a picture, compared with the one in which a scene was learned."""

    gain: NDArray[np.float32]
    """(rows, columns): factor of the luma above `BLACK`."""
    tint: NDArray[np.float32]
    """(rows, columns, 2): added to the chroma."""

    def on(self, scene: Colors) -> Colors:
        """A scene in this light."""
        lit = np.empty_like(scene)
        np.clip((scene[..., 0] - BLACK) * self.gain + BLACK, 0, 255, out=lit[..., 0])
        np.clip(scene[..., 1:] + self.tint, 0, 255, out=lit[..., 1:])
        return lit

    def off(self, picture: Colors) -> Colors:
        """A picture taken in this light, as it would be in that of the scene."""
        plain = np.empty_like(picture)
        np.divide(picture[..., 0] - BLACK, self.gain, out=plain[..., 0])
        plain[..., 0] += BLACK
        np.subtract(picture[..., 1:], self.tint, out=plain[..., 1:])
        return plain


def light_between(scene: Colors, now: Colors, used: NDArray[np.bool_]) -> Light | None:
    """The light that turns most of a scene into what is seen now; None where too little is known.

    Args:
        scene: as it was.
        now: as it is.
        used: where nobody is, as far as is known.
    """
    rows, columns = used.shape
    at = np.zeros((rows, columns), bool)
    at[1::STRIDE, 1::STRIDE] = True
    at &= used
    at &= (now[..., 0] > BLACK + 4) & (now[..., 0] < 230) & (scene[..., 0] > BLACK + 4)
    if np.count_nonzero(at) < LEAST_CELLS:
        return None
    ratio = np.log((now[at][:, 0] - BLACK) / (scene[at][:, 0] - BLACK))
    basis = _basis(rows, columns, DEGREE)
    weights, found = _fitted(basis[at], ratio, _stiffness(DEGREE))
    gain = np.exp(np.clip(_field(basis, found[:, None])[..., 0], -2.5, 2.5))
    plain = _basis(rows, columns, CHROMA_DEGREE)
    changed = now[at][:, 1:] - scene[at][:, 1:]
    return Light(
        gain, _field(plain, _solved(plain[at], changed, weights, _stiffness(CHROMA_DEGREE)))
    )


def _product(one: Any, other: Any, flags: int = 0) -> NDArray[np.float32]:
    """NumPy's starts threads, which take longer than the work where all cores are busy."""
    return np.asarray(cv2.gemm(one, other, 1.0, cast("Any", None), 0.0, flags=flags), np.float32)


def _field(basis: NDArray[np.float32], found: NDArray[np.float32]) -> NDArray[np.float32]:
    """(rows, columns, fields) of the coefficients (terms, fields)."""
    rows, columns, terms = basis.shape
    flat = _product(basis.reshape(-1, terms), found)
    return np.asarray(flat, np.float32).reshape(rows, columns, -1)


@lru_cache(maxsize=8)
def _basis(rows: int, columns: int, degree: int) -> NDArray[np.float32]:
    """(rows, columns, n): Legendre polynomials of both directions up to a degree in all."""
    down = np.polynomial.legendre.legvander(np.linspace(-1, 1, rows), degree)
    across = np.polynomial.legendre.legvander(np.linspace(-1, 1, columns), degree)
    terms = [
        down[:, None, i] * across[None, :, j]
        for i in range(degree + 1)
        for j in range(degree + 1 - i)
    ]
    return np.stack(terms, -1).astype(np.float32)


def _stiffness(degree: int) -> NDArray[np.float32]:
    """Of each term, for one cell of the data."""
    degrees = [i + j for i in range(degree + 1) for j in range(degree + 1 - i)]
    return np.diag(STIFF * np.square(degrees) + 1e-6).astype(np.float32)


def _fitted(
    basis: NDArray[np.float32], values: NDArray[np.float32], stiffness: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights, and the coefficients that fit what most values agree on."""
    residual = values - np.median(values)
    weights = np.ones_like(values)
    found = np.zeros(basis.shape[1], np.float32)
    for _ in range(ROUNDS):
        scale = max(LEAST_SCALE, 1.5 * float(np.median(np.abs(residual))))
        weights = np.square(np.maximum(0, 1 - np.square(residual / (3 * scale))))
        found = _solved(basis, values, weights, stiffness)
        residual = values - _product(basis, found[:, None])[:, 0]
    return weights, found


def _solved(
    basis: NDArray[np.float32],
    values: NDArray[np.float32],
    weights: NDArray[np.float32],
    stiffness: NDArray[np.float32],
) -> NDArray[np.float32]:
    columns = values.reshape(len(values), -1)
    weighted = basis * weights[:, None]
    normal = _product(weighted, basis, flags=cv2.GEMM_1_T) + len(basis) * stiffness
    right = _product(weighted, columns, flags=cv2.GEMM_1_T)
    found = np.linalg.solve(normal, right).astype(np.float32)
    return found if values.ndim > 1 else found[:, 0]


def shift_between(scene: Colors, now: Colors) -> tuple[float, float]:
    """By how many cells the camera has moved the picture, right and down; 0, 0 where it has not."""
    before, after = (np.ascontiguousarray(p[..., 0]) for p in (scene, now))
    window = cv2.createHanningWindow((before.shape[1], before.shape[0]), cv2.CV_32F)
    (x, y), _ = cv2.phaseCorrelate(before, after, window)
    furthest = max(1.0, FURTHEST * before.shape[1])
    if not (abs(x) <= furthest and abs(y) <= furthest):  # not a number, where nothing is there
        return 0.0, 0.0
    still = np.minimum(cv2.absdiff(before, after), 30.0).mean()
    moved = np.minimum(cv2.absdiff(before, shifted(after, -x, -y)), 30.0).mean()
    return (float(x), float(y)) if moved < BETTER * still else (0.0, 0.0)


def shifted(picture: NDArray[Any], x: float, y: float) -> NDArray[Any]:
    """The picture moved right and down by parts of a cell; its rim is repeated."""
    rows, columns = picture.shape[:2]
    how = cv2.INTER_NEAREST if picture.dtype == np.uint8 else cv2.INTER_LINEAR
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    moved = cv2.warpAffine(
        picture, move, (columns, rows), flags=how, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, picture.dtype)

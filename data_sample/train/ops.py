"""The networks' operations in JAX, with batch normalisation kept as plain dictionaries."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

Params = dict[str, jax.Array]

EPSILON = 1e-4
MOMENTUM = 0.95


class JaxOps:
    """Runs a network on arrays (N, H, W, C), float32.

    `params` holds what gradients change and `stats` the running means and variances.  A name that is
    not in `params` yet is initialised.  In training the new running statistics gather in `fresh`.
    """

    def __init__(self, params: Params, stats: Params, train: bool) -> None:
        """Run on given parameters and statistics."""
        self.params, self.stats, self.train = params, stats, train
        self.fresh: Params = {}

    def conv(
        self,
        name: str,
        x: jax.Array,
        out: int,
        kernel: int = 3,
        stride: int = 1,
        relu: bool = True,
        norm: bool = True,
    ) -> jax.Array:
        """Convolve, then normalise over the batch (or add a bias), then rectify."""
        shape = (kernel, kernel, x.shape[-1], out)
        weight = self._get(name + ".w", shape, np.sqrt(2 / (kernel * kernel * x.shape[-1])) if norm else 0.01)
        y = _convolve(x, weight, stride)
        y = self._norm(name, y) if norm else y + self._get(name + ".b", (out,), 0.0)
        return jax.nn.relu(y) if relu else y

    def add(self, x: jax.Array, y: jax.Array) -> jax.Array:
        """Add and rectify."""
        return jax.nn.relu(x + y)

    def merge(self, fine: jax.Array, coarse: jax.Array) -> jax.Array:
        """Add `coarse`, enlarged twofold, to `fine`."""
        return fine + coarse.repeat(2, axis=1).repeat(2, axis=2)

    def dense(self, name: str, x: jax.Array, out: int) -> jax.Array:
        """Flatten (rows, columns, channels), multiply by a matrix, normalise over the batch."""
        flat = x.reshape(x.shape[0], -1)
        weight = self._get(name + ".w", (flat.shape[1], out), np.sqrt(1 / flat.shape[1]))
        return self._norm(name, flat @ weight)

    def _norm(self, name: str, x: jax.Array) -> jax.Array:
        gain = self._get(name + ".g", (x.shape[-1],), 0.0, 1.0)
        bias = self._get(name + ".b", (x.shape[-1],), 0.0)
        mean = self._stat(name + ".mean", x.shape[-1], 0.0)
        variance = self._stat(name + ".var", x.shape[-1], 1.0)
        if self.train:
            axes = tuple(range(x.ndim - 1))
            now_mean, now_var = x.mean(axes), x.var(axes)
            self.fresh[name + ".mean"] = MOMENTUM * mean + (1 - MOMENTUM) * jax.lax.stop_gradient(now_mean)
            self.fresh[name + ".var"] = MOMENTUM * variance + (1 - MOMENTUM) * jax.lax.stop_gradient(now_var)
            mean, variance = now_mean, now_var
        scale = gain * jax.lax.rsqrt(variance + EPSILON)
        return x * scale + (bias - mean * scale)

    def _get(self, name: str, shape: tuple[int, ...], spread: float, centre: float = 0.0) -> jax.Array:
        if name not in self.params:
            rng = np.random.default_rng([0x9A7A, *name.encode()])
            self.params[name] = jnp.asarray(centre + spread * rng.standard_normal(shape), jnp.float32)
        return self.params[name]

    def _stat(self, name: str, width: int, value: float) -> jax.Array:
        if name not in self.stats:
            self.stats[name] = jnp.full(width, value, jnp.float32)
        return self.stats[name]


def _convolve(x: jax.Array, weight: jax.Array, stride: int) -> jax.Array:
    """Convolve (N, H, W, C) with (K, K, C, D), padding as nets.Ops.conv says.

    Strided convolutions are done as one product of matrices, whose gradient is much quicker on a CPU.
    """
    kernel = weight.shape[0]
    pad = kernel // 2 if kernel % 2 else 0
    if stride == 1:
        return jax.lax.conv_general_dilated(
            x, weight, (1, 1), ((pad, pad), (pad, pad)), dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
    padded = jnp.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    high, wide = ((n + 2 * pad - kernel) // stride + 1 for n in x.shape[1:3])
    rows, columns = stride * (high - 1) + 1, stride * (wide - 1) + 1
    taps = [padded[:, i : i + rows : stride, j : j + columns : stride] for i in range(kernel) for j in range(kernel)]
    return jnp.concatenate(taps, axis=-1) @ weight.reshape(-1, weight.shape[-1])

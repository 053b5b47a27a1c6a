"""The sentences of a drawing, for whoever cannot see it."""

from __future__ import annotations

from resnet.diagrams.anatomy import Anatomy, Block, written

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def counted(number: int, noun: str) -> str:
    """Write `one block` or `18 blocks`."""
    many = NUMBERS[number] if number < len(NUMBERS) else f"{number:,}"
    return f"{many} {noun}{'' if number == 1 else 's'}"


def ordinal(number: int) -> str:
    return ("first", "second", "third")[number]


def totals(anatomy: Anatomy) -> str:
    """Write `853,018 parameters, 125.5 million multiply-adds an image`."""
    record = anatomy.record
    return f"{record.parameters:,} parameters, {record.multiply_adds / 1e6:,.1f} million multiply-adds an image"


def around(anatomy: Anatomy, block: Block) -> str:
    """What the shortcut of a block does."""
    if block.shortcut == "none":
        return "There is no shortcut"
    if block.shortcut == "identity":
        return "The shortcut is the identity: it adds the block's input as it is, and has no parameters"
    if block.shortcut == "projection":
        conv, _ = block.around
        stride = f" with stride {conv.stride}" if (conv.stride or 1) > 1 else ""
        return (
            f"The shortcut is a projection: a 1×1 convolution{stride} with {counted(conv.output[0], 'filter')}, and BN"
        )
    before, new = anatomy.zeros_before(block), block.zero_channels
    where = f"{before} before and {new - before} after" if before else "all after"
    return (
        f"The shortcut keeps every second pixel, and adds {counted(new, 'zero channel')} to the {block.input[0]} of "
        f"the input, {where} them; it has no parameters"
    )


def block(anatomy: Anatomy, drawn: Block) -> str:
    """A block from its input to its output."""
    first, second = drawn.convolutions
    stride = f" and stride {drawn.stride}" if drawn.stride > 1 else ""
    normed = "each has BN and ReLU"
    if anatomy.record.net == "resnet":
        normed = "BN follows each, ReLU the first BN and the addition"
    return (
        f"A volume of {written(drawn.input)} passes a {first.kernel.replace('x', '×')} convolution with "
        f"{counted(first.output[0], 'filter')}{stride}, and another with {counted(second.output[0], 'filter')} and "
        f"stride 1; {normed}. {around(anatomy, drawn)}. The output is {written(drawn.output)}."
    )


def stem(anatomy: Anatomy) -> str:
    conv = anatomy.stem[0]
    return (
        f"An image of {written(anatomy.input)} passes conv1: {counted(conv.output[0], 'kernel')} of "
        f"{conv.kernel.replace('x', '×')} over its {counted(anatomy.input[0], 'channel')}, {conv.parameters:,} "
        f"weights, stride {conv.stride}. The output is {written(conv.output)}."
    )


def stage(anatomy: Anatomy, number: int) -> str:
    blocks = anatomy.stages[number]
    halved = f"; the first one has stride {blocks[0].stride}" if blocks[0].stride > 1 else ""
    return (
        f"The {ordinal(number)} stage has {counted(len(blocks), 'block')} of two 3×3 convolutions with "
        f"{counted(blocks[-1].output[0], 'filter')}{halved}. It makes {written(blocks[-1].output)} of "
        f"{written(blocks[0].input)}. {around(anatomy, blocks[0])}."
    )


def net(anatomy: Anatomy) -> str:
    """The whole net, from the image to the classes."""
    stages = " ".join(
        f"The {ordinal(k)} stage has {counted(len(blocks), 'block')} and makes {written(blocks[-1].output)}."
        for k, blocks in enumerate(anatomy.stages)
    )
    shortcuts = ""
    if anatomy.record.shortcut != "none":
        where = anatomy.downsampling[0] if anatomy.downsampling else anatomy.stages[0][0]
        same = {blocks[-1].shortcut for blocks in anatomy.stages}
        rest = " Everywhere else it is the identity." if same == {"identity"} else ""
        shortcuts = f" A shortcut leads round every block. Where the shape changes: {around(anatomy, where)}.{rest}"
    features, classes = anatomy.stages[-1][-1].output[0], anatomy.record.classes
    return (
        f"{stem(anatomy)} Three stages follow. {stages}{shortcuts} Global average pooling leaves {features} numbers, "
        f"and a fully connected layer with softmax makes {classes} probabilities of them. {totals(anatomy)}."
    )

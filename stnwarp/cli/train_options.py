"""The options of `stnwarp train`. Those that decide what is learnt have the names of `Settings`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from stnwarp.cli.numbers import Whole
from stnwarp.cli.sections import Decorator, Option, output, run
from stnwarp.cli.train_values import Amount, RangesType, Share
from stnwarp.cli.values import OneOf, Size
from stnwarp.conventions import Family, PaddingMode
from stnwarp.training.choices import (
    Colour,
    Device,
    Initialisation,
    LocalisationKind,
    Optimiser,
    Schedule,
    TrainingRecipe,
)

_recipe = partial(click.option, cls=Option, section="Recipe")
_network = partial(click.option, cls=Option, section="Network")
_learning = partial(click.option, cls=Option, section="Learning")

_recipe_options: tuple[Decorator[Any], ...] = (
    _recipe(
        "--recipe",
        type=OneOf(TrainingRecipe),
        help="classify: DATA is a folder of folders, one for each class; the network learns what helps a classifier. "
        "restore: DATA holds images in canonical pose; it learns to undo the random warps of --range. theta: DATA "
        "holds images whose transforms are known, from --params.",
    ),
    _recipe(
        "--range",
        "ranges",
        type=RangesType(),
        metavar="TERMS",
        help="Random warps of the training images, drawn afresh each time an image is seen: angle=45 (degrees, either "
        "way), scale=0.7..1.3, shift=0.2 (1 is half the image), margin=0.1 (no farther out of the image), "
        "stretch=1.3, shear=10, perspective=1.5, bend=0.1; any of them with commas between.",
    ),
    _recipe(
        "--params",
        type=click.Path(),
        metavar="FILE",
        help="For recipe theta: the transform of each image, as 'stnwarp apply --save-params' writes them (.jsonl).",
    ),
    _recipe(
        "--padding-mode",
        type=OneOf(PaddingMode),
        default=PaddingMode.ZEROS.value,
        show_default=True,
        help="What random warps read outside an image: the background, the nearest edge pixel, or its mirror image.",
    ),
    _recipe(
        "--vary",
        type=Amount(1, zero=True),
        default="0.5",
        metavar="0..1",
        help="For recipes restore and theta: how much the sharpness, brightness and noise of training images vary, as "
        "they do in use.  [default: 0.5]",
    ),
    _recipe(
        "--background",
        type=Amount(1, zero=True),
        default=0.0,
        metavar="0..1",
        help="Shade from black (0) to white (1) outside images, around padded ones and behind transparency."
        "  [default: 0]",
    ),
    _recipe(
        "--fit",
        type=click.Choice(["pad", "stretch"]),
        default="pad",
        show_default=True,
        help="How an image is laid on the network's input: with its proportions and background around it, or "
        "stretched to fill it.",
    ),
    _recipe(
        "--colour",
        type=OneOf(Colour),
        default=Colour.GRAY.value,
        show_default=True,
        help="What the network sees.",
    ),
    _recipe(
        "--validation",
        type=Share(0.9),
        default="0.1",
        metavar="SHARE|test",
        help="Share of the images that is kept back to try the network on; 'test' takes x_test of an .npz."
        "  [default: 0.1]",
    ),
    _recipe(
        "--picture-weight",
        type=Amount(1000, zero=True),
        default=0.0,
        metavar="W",
        help="For recipe restore: let the loss count the difference between the pictures, too, times W.  [default: 0]",
    ),
)

_network_options: tuple[Decorator[Any], ...] = (
    _network(
        "--family",
        type=OneOf(Family),
        default=Family.AFFINE.value,
        show_default=True,
        help="What the network predicts.",
    ),
    _network(
        "--control-points",
        type=Size(),
        metavar="COLSxROWS",
        help="Of a thin plate spline (--family tps).  [default: 4x4]",
    ),
    _network(
        "--network",
        type=OneOf(LocalisationKind),
        default=LocalisationKind.CONV.value,
        show_default=True,
        help="The localisation network: the paper's convolutional one (from 28x28 pixels) or its fully connected "
        "one, or a deeper one that is slower and better.",
    ),
    _network(
        "--batch-norm/--no-batch-norm",
        default=True,
        show_default=True,
        help="Batch normalisation, with which it learns in far fewer steps. Without it conv and fc are the paper's to "
        "the letter; deep always has it.",
    ),
    _network(
        "--filters", type=Whole(1, 512), metavar="N", help="Filters of its convolutions.  [default: 20, deep: 16]"
    ),
    _network(
        "--init",
        type=OneOf(Initialisation),
        default=Initialisation.IDENTITY.value,
        show_default=True,
        help="What it predicts at first: the identity, or a little off it.",
    ),
    _network(
        "--input-size",
        type=Size(),
        metavar="WxH",
        help="Size of the small copy it sees.  [default: the images' own, if all have one from 28 to 64 pixels a side; "
        "28x28 if they are smaller, else 64x64]",
    ),
    _network(
        "--output-size",
        type=Size(),
        metavar="WxH",
        help="Size of the canonical output that the checkpoint asks for.  [default: that of the image it is given]",
    ),
)

_learning_options: tuple[Decorator[Any], ...] = (
    _learning(
        "--epochs", type=Whole(1, 100_000), default=30, show_default=True, metavar="N", help="How many, at most."
    ),
    _learning(
        "--patience",
        type=Whole(0),
        default=10,
        show_default=True,
        metavar="N",
        help="Stop after so many epochs without a better validation; 0 for never.",
    ),
    _learning(
        "--batch",
        type=Whole(2, 65_536),
        default=64,
        show_default=True,
        metavar="N",
        help="Images in a step, at most; an epoch is shared out evenly.",
    ),
    _learning(
        "--scenes",
        type=Whole(2, 10**9),
        metavar="N",
        help="Images seen in an epoch.  [default: every one once; at least 1024 warped ones for restore and theta]",
    ),
    _learning("--rate", type=Amount(100), default="0.001", metavar="R", help="Rate of learning.  [default: 0.001]"),
    _learning(
        "--localisation-rate",
        type=Amount(100),
        metavar="FACTOR",
        help="Times --rate for the localisation network.  [default: 0.1 for classify, else 1]",
    ),
    _learning(
        "--optimiser",
        type=OneOf(Optimiser),
        default=Optimiser.ADAM.value,
        show_default=True,
        help="Adam, or stochastic gradient descent with momentum 0.9.",
    ),
    _learning(
        "--schedule",
        type=OneOf(Schedule),
        default=Schedule.COSINE.value,
        show_default=True,
        help="How the rate falls over the epochs: to nothing, or to a tenth after each third of them, or not.",
    ),
    _learning("--seed", type=Whole(0), default=0, show_default=True, metavar="N", help="Of every random choice."),
)

_run_options: tuple[Decorator[Any], ...] = (
    output(
        "-o",
        "--output",
        "checkpoint",
        required=True,
        type=click.Path(),
        metavar="FILE",
        help="The checkpoint, *.onnx: the best network so far, after each epoch that made it better. The state of "
        "the run is kept beside it, in FILE.state.",
    ),
    output(
        "--overwrite",
        is_flag=True,
        help="Replace a checkpoint and sheets that exist, and forget the run that made them.",
    ),
    output(
        "--description",
        default="",
        metavar="TEXT",
        help="What the checkpoint is for, in a line that 'stnwarp info' shows; with --resume, it replaces the earlier "
        "one.  [default: trained by recipe RECIPE]",
    ),
    output(
        "--sheets",
        type=click.Path(),
        metavar="DIR",
        help="Write a picture after each epoch: the same images each time, above what becomes of them. Outside DATA.",
    ),
    run(
        "--resume",
        is_flag=True,
        help="Go on with the run that FILE.state tells of, with its own options, from its last whole epoch.",
    ),
    run(
        "--device",
        type=OneOf(Device),
        default=Device.AUTO.value,
        show_default=True,
        help="Where to compute; auto takes a GPU if there is one.",
    ),
    run(
        "--threads",
        type=Whole(1, 1024),
        metavar="N",
        help="Of PyTorch on the CPU.  [default: as many as it takes by itself]",
    ),
    run("--json", "as_json", is_flag=True, help="Write one line of JSON per epoch to standard output."),
)


def train_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """All of them, section by section."""
    for option in reversed((*_recipe_options, *_network_options, *_learning_options, *_run_options)):
        command = option(command)
    return command

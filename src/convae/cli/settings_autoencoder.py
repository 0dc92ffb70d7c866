"""The parameters of ``ConvAutoencoder`` as command-line options."""

from convae.cli.settings import Setting

_WHAT, _IMAGES, _HOW, _PARTS = (
    "What to train",
    "Images",
    "How to train",
    "Parts of the network (each in place of the preset's)",
)

AUTOENCODER: tuple[Setting, ...] = (
    Setting(
        name="preset", common=True, kind="text", default="residual", group=_WHAT,
        choices=("residual", "tutorial", "pooled"),
        help="The network: residual (the one to choose), tutorial (the classic one), pooled (spatial "
        "code, takes any size later).",
    ),
    Setting(
        name="latent_dim", common=True, kind="int", default=None, group=_WHAT,
        unset="the preset's: 64 or fewer, 16, 8",
        help="Numbers in the code (at each position, for a spatial code).",
    ),
    Setting(
        name="bottleneck", kind="text", default="plain", group=_WHAT, metavar="KIND[:LEVEL]",
        help="plain, gaussian (variational), l1, kl or top-k (sparse); a level may follow: top-k:0.1.",
    ),
    Setting(
        name="loss", common=True, kind="text", default="mse", group=_WHAT, metavar="NAME",
        help="mse, bce, l1, charbonnier, ssim, ms_ssim, or a sum such as 0.8*mse+0.2*ssim.",
    ),
    Setting(
        name="neighbourhood", kind="float", default=0.0, group=_WHAT,
        help="1: codes keep similar images together, as UMAP does; for maps of 2 numbers.",
    ),
    Setting(
        name="neighbours", kind="text", default=None, group=_WHAT, metavar="MODEL", unset="the images",
        help="With --neighbourhood: the model by whose codes images are neighbours.",
    ),
    Setting(
        name="shift", kind="float", default=None, group=_WHAT, metavar="PART",
        unset="1/24 with neighbourhood, else 0",
        help="Move images on the way in by up to this part of a side, so that codes depend less on where "
        "things are.",
    ),
    Setting(
        name="noise", common=True, kind="text", default=None, group=_WHAT, metavar="KIND[:LEVEL]",
        unset="none",
        help="Corrupt images on the way in, never what should come out: gaussian:0.3, salt-and-pepper:0.2, "
        "gaussian:0..0.5+blur. Codes then depend less on details.",
    ),
    Setting(
        name="epochs", common=True, kind="int", default=None, group=_WHAT, unset="about 3,000 steps",
        help="Passes over the images.",
    ),
    Setting(
        name="random_state", common=True, kind="int", default=None, group=_WHAT, flag="--seed", unset="0",
        help="Seed of the first weights, the order of images and what is held out.",
    ),
    Setting(
        name="device", kind="text", default="auto", group=_WHAT, choices=("auto", "cpu", "cuda"),
        help="Where to compute.",
    ),
    Setting(
        name="size", common=True, kind="ints", default=None, group=_IMAGES, values=2, metavar="H W",
        unset="all images have one size", help="Bring all images to this height and width.",
    ),
    Setting(
        name="framing", kind="text", default="resize", group=_IMAGES,
        choices=("resize", "crop", "pad", "random-crop"), help="How to bring them to that size.",
    ),
    Setting(
        name="channels", common=True, kind="int", default=None, group=_IMAGES, unset="as they are",
        help="1 makes all images grey, 3 makes them RGB.",
    ),
    Setting(
        name="scaling", kind="text", default="auto", group=_IMAGES,
        choices=("auto", "dtype", "minmax"),
        help="How stored values become about 0 to 1: by their type, or by the values there are.",
    ),
    Setting(
        name="storage", kind="text", default="auto", group=_IMAGES,
        choices=("auto", "resident", "cached", "streamed"),
        help="Where images are while training: in memory, in a temporary file, read each time.",
    ),
    Setting(
        name="strict", kind="flag", default=False, group=_IMAGES,
        help="Stop at an image that cannot be read, instead of skipping it.",
    ),
    Setting(
        name="image_shape", kind="ints", default=None, group=_IMAGES, metavar="H,W",
        unset="a square", help="Shape of the images in a .npy file of flattened rows: H,W or C,H,W.",
    ),
    Setting(
        name="validation_fraction", kind="float", default=0.1, group=_IMAGES,
        help="Part of the images held out, to choose the best weights and to measure on.",
    ),
    Setting(
        name="batch_size", kind="int", default=None, group=_HOW, unset="8 to 256, by images and preset",
        help="Images in a step.",
    ),
    Setting(
        name="learning_rate", kind="float", default=None, group=_HOW,
        unset="0.02 for muon, 0.001 for the others", help="The highest rate of the schedule.",
    ),
    Setting(
        name="optimizer", kind="text", default="muon", group=_HOW,
        choices=("muon", "adamw", "adam"), help="What changes the weights.",
    ),
    Setting(
        name="schedule", kind="text", default="cosine", group=_HOW,
        choices=("cosine", "constant"), help="The learning rate over time.",
    ),
    Setting(
        name="warmup", kind="float", default=0.05, group=_HOW,
        help="Fraction of all steps over which the rate rises.",
    ),
    Setting(
        name="weight_decay", kind="float", default=0.0, group=_HOW,
        help="Decoupled weight decay.",
    ),
    Setting(
        name="clip", kind="float", default=1.0, group=_HOW,
        help="Largest norm of the gradient; 0 for no limit.",
    ),
    Setting(
        name="ema", kind="float", default=0.99, group=_HOW,
        help="How much of the averaged weights each step keeps; 0 for no average.",
    ),
    Setting(
        name="patience", kind="int", default=15, group=_HOW,
        help="Stop after so many epochs without a better validation loss; 0 never.",
    ),
    Setting(
        name="precision", kind="text", default="auto", group=_HOW,
        choices=("auto", "float32", "bfloat16"), help="Numbers to compute with.",
    ),
    Setting(
        name="widths", kind="ints", default=None, group=_PARTS, unset="the preset's",
        help="Channels of each level, such as 32,64.",
    ),
    Setting(
        name="blocks", kind="int", default=None, group=_PARTS, unset="the preset's",
        help="Blocks in each level.",
    ),
    Setting(
        name="kernel_size", kind="int", default=None, group=_PARTS, unset="the preset's",
        help="Side of the kernels.",
    ),
    Setting(
        name="down", kind="text", default=None, group=_PARTS, unset="the preset's",
        choices=("stride", "max", "average", "unshuffle"), help="How sides are halved.",
    ),
    Setting(
        name="up", kind="text", default=None, group=_PARTS, unset="the preset's",
        choices=("transposed", "nearest", "bilinear", "subpixel"), help="How they are doubled.",
    ),
    Setting(
        name="padding_mode", kind="text", default=None, group=_PARTS, unset="the preset's",
        choices=("zeros", "reflect", "replicate", "circular"), help="What lies beyond the edges.",
    ),
    Setting(
        name="code", kind="text", default=None, group=_PARTS, unset="the preset's",
        choices=("dense", "spatial"), help="One vector an image, or a map of vectors.",
    ),
    Setting(
        name="hidden", kind="int", default=None, group=_PARTS, unset="the preset's",
        help="Units of a dense layer before the code; 0 for none.",
    ),
    Setting(
        name="norm", kind="text", default=None, group=_PARTS, unset="the preset's",
        choices=("none", "batch", "group", "layer"), help="Normalisation.",
    ),
    Setting(
        name="activation", kind="text", default=None, group=_PARTS, unset="the preset's",
        choices=("relu", "leaky_relu", "elu", "gelu", "silu", "tanh"), help="The nonlinearity.",
    ),
    Setting(
        name="output", kind="text", default=None, group=_PARTS, unset="by the loss and the images",
        choices=("sigmoid", "linear", "clamp"), help="What ends the decoder.",
    ),
    Setting(
        name="bypass", kind="text", default=None, group=_PARTS, unset="the preset's",
        choices=("none", "pca"), help="A linear path beside the network that starts as PCA.",
    ),
    Setting(
        name="refine", kind="int", default=None, group=_PARTS, unset="the preset's",
        help="Residual blocks that refine the whole reconstruction at half its resolution.",
    ),
    Setting(
        name="pattern", kind="int", default=None, group=_PARTS, unset="the preset's",
        help="Pixels a side of what each map of a spatial code draws; the image is their sum.",
    ),
)  # fmt: skip

"""The parameters of ``ConvAutoencoder`` as command-line settings."""

from convae.cli.settings import Setting

_WHAT, _IMAGES, _HOW, _PARTS = (
    "What to train",
    "Images",
    "How to train",
    "Network (override the preset)",
)

AUTOENCODER: tuple[Setting, ...] = (
    Setting(
        name="preset", common=True, kind="text", default="residual", group=_WHAT,
        choices=("residual", "tutorial", "pooled"),
        help="The network: residual (recommended), tutorial (the network of the Keras tutorial), pooled "
        "(spatial code; takes images of any size after training).",
    ),
    Setting(
        name="latent_dim", common=True, kind="int", default=None, group=_WHAT,
        unset="the preset's: 64 or fewer, 16, 8",
        help="Latent dimension (for a spatial code: at each position).",
    ),
    Setting(
        name="bottleneck", kind="text", default="plain", group=_WHAT, metavar="KIND[:STRENGTH]",
        help="Kind of code: plain, gaussian (variational), l1, kl, top-k or winners (sparse); a strength may "
        "follow: top-k:0.1.",
    ),
    Setting(
        name="loss", common=True, kind="text", default="mse", group=_WHAT, metavar="NAME",
        help="The training loss: mse, bce, l1, charbonnier, ssim, ms_ssim, or a sum such as "
        "0.8*mse+0.2*ssim.",
    ),
    Setting(
        name="neighbourhood", kind="float", default=0.0, group=_WHAT,
        help="Weight of UMAP's objective, which keeps similar images together in the codes: 1 for maps, with "
        "--latent-dim 2.",
    ),
    Setting(
        name="neighbours", kind="text", default=None, group=_WHAT, metavar="MODEL", unset="the images",
        help="With --neighbourhood: find neighbours by the codes of this model.",
    ),
    Setting(
        name="shift", kind="float", default=None, group=_WHAT, metavar="FRACTION",
        unset="1/24 with neighbourhood, else 0",
        help="Translate input images at random by up to this fraction of a side, so that codes depend less "
        "on where things are.",
    ),
    Setting(
        name="noise", common=True, kind="text", default=None, group=_WHAT, metavar="KIND[:LEVEL]",
        unset="none",
        help="Corrupt the input images, but not the targets: gaussian:0.3, salt-and-pepper:0.2, "
        "gaussian:0..0.5+blur. Codes then depend less on details.",
    ),
    Setting(
        name="epochs", common=True, kind="int", default=None, group=_WHAT, unset="about 3,000 steps",
        help="Passes over the images.",
    ),
    Setting(
        name="random_state", common=True, kind="int", default=None, group=_WHAT, flag="--seed", unset="0",
        help="Seed of the initial weights, the order of images and the choice of held-out images.",
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
        choices=("resize", "crop", "pad", "random-crop"), help="How to bring images to --size.",
    ),
    Setting(
        name="channels", common=True, kind="int", default=None, group=_IMAGES, unset="as they are",
        help="Convert all images: 1 to grey, 3 to RGB.",
    ),
    Setting(
        name="scaling", kind="text", default="auto", group=_IMAGES,
        choices=("auto", "dtype", "minmax"),
        help="How stored values are scaled to about 0 to 1: by the range of their type (dtype) or by the "
        "values of the training images (minmax).",
    ),
    Setting(
        name="storage", kind="text", default="auto", group=_IMAGES,
        choices=("auto", "resident", "cached", "streamed"),
        help="Where images are kept during training: in memory (resident), in a temporary file (cached), or "
        "nowhere: they are read each time (streamed).",
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
        help="Fraction of the images held out to choose the best weights and to measure the model.",
    ),
    Setting(
        name="batch_size", kind="int", default=None, group=_HOW, unset="8 to 256, by images and preset",
        help="Images per step.",
    ),
    Setting(
        name="learning_rate", kind="float", default=None, group=_HOW,
        unset="0.02 for muon, 0.001 for the others", help="Highest learning rate of the schedule.",
    ),
    Setting(
        name="optimizer", kind="text", default="muon", group=_HOW,
        choices=("muon", "adamw", "adam"), help="The optimizer.",
    ),
    Setting(
        name="schedule", kind="text", default="cosine", group=_HOW,
        choices=("cosine", "constant"), help="How the learning rate changes during training.",
    ),
    Setting(
        name="warmup", kind="float", default=0.05, group=_HOW,
        help="Fraction of all steps during which the learning rate rises.",
    ),
    Setting(
        name="weight_decay", kind="float", default=0.0, group=_HOW,
        help="Decoupled weight decay.",
    ),
    Setting(
        name="clip", kind="float", default=1.0, group=_HOW,
        help="Clip the norm of the gradient at this value; 0 for no limit.",
    ),
    Setting(
        name="ema", kind="float", default=0.99, group=_HOW,
        help="Decay of the exponential moving average of the weights; 0 for no average.",
    ),
    Setting(
        name="patience", kind="int", default=15, group=_HOW,
        help="Stop after this many epochs without a better validation loss; 0 never stops early.",
    ),
    Setting(
        name="precision", kind="text", default="auto", group=_HOW,
        choices=("auto", "float32", "bfloat16"), help="Floating-point format of the computation.",
    ),
    Setting(
        name="widths", kind="ints", default=None, group=_PARTS, unset="the preset's",
        help="Channels of each stage, such as 32,64.",
    ),
    Setting(
        name="blocks", kind="int", default=None, group=_PARTS, unset="the preset's",
        help="Blocks in each stage.",
    ),
    Setting(
        name="kernel_size", kind="int", default=None, group=_PARTS, unset="the preset's",
        help="Side of the convolution kernels in pixels.",
    ),
    Setting(
        name="down", kind="text", default=None, group=_PARTS, unset="the preset's",
        choices=("stride", "max", "average", "unshuffle"), help="How the encoder halves height and width.",
    ),
    Setting(
        name="up", kind="text", default=None, group=_PARTS, unset="the preset's",
        choices=("transposed", "nearest", "bilinear", "subpixel"),
        help="How the decoder doubles height and width.",
    ),
    Setting(
        name="padding_mode", kind="text", default=None, group=_PARTS, unset="the preset's",
        choices=("zeros", "reflect", "replicate", "circular"), help="Padding beyond the edges of an image.",
    ),
    Setting(
        name="code", kind="text", default=None, group=_PARTS, unset="the preset's",
        choices=("dense", "spatial"),
        help="Form of the code: one vector for each image (dense), or a map of vectors (spatial).",
    ),
    Setting(
        name="hidden", kind="int", default=None, group=_PARTS, unset="the preset's",
        help="Units of an additional dense layer before the code; 0 for none.",
    ),
    Setting(
        name="norm", kind="text", default=None, group=_PARTS, unset="the preset's",
        choices=("none", "batch", "group", "layer"), help="Normalisation layers.",
    ),
    Setting(
        name="activation", kind="text", default=None, group=_PARTS, unset="the preset's",
        choices=("relu", "leaky_relu", "elu", "gelu", "silu", "tanh"), help="The nonlinearity.",
    ),
    Setting(
        name="output", kind="text", default=None, group=_PARTS, unset="by the loss and the images",
        choices=("sigmoid", "linear", "clamp"), help="The last operation of the decoder.",
    ),
    Setting(
        name="bypass", kind="text", default=None, group=_PARTS, unset="the preset's",
        choices=("none", "pca"), help="A linear path in parallel with the network, initialised by PCA (pca).",
    ),
    Setting(
        name="refine", kind="int", default=None, group=_PARTS, unset="the preset's",
        help="Residual blocks that refine the whole reconstruction at half its resolution.",
    ),
    Setting(
        name="pattern", kind="int", default=None, group=_PARTS, unset="the preset's",
        help="Decode by one linear layer: each map of a spatial code draws a pattern of this many pixels a "
        "side, and the image is the sum of the patterns.",
    ),
)  # fmt: skip

"""An autoencoder of MNIST in ten lines of code.

python examples/autoencoder_mnist.py        three epochs

MNIST is downloaded once, 12 MB, into ~/.cache/convae. If the environment variable CONVAE_DATA_DIR names a
folder with a folder mnist in it, that is taken.
For a first look within seconds: python examples/autoencoder_mnist.py digits, which come with scikit-learn.
"""

import sys

import convae

name = sys.argv[1] if len(sys.argv) > 1 else "mnist"

train = convae.open_source(name, download=True)  # the network learns from these
test = convae.open_source(name, split="test")  # and is measured on these

# The network of the classic tutorial, with codes of 16 numbers. For small errors leave out the preset.
model = convae.ConvAutoencoder(preset="tutorial", latent_dim=16, epochs=3, random_state=0)
model.fit(train)

print(model.evaluate(test))  # next to PCA with codes of 16 numbers, too
codes = model.transform(test)  # (10000, 16): the encoder
images = model.inverse_transform(codes)  # (10000, 28, 28): the decoder

model.plot_reconstructions(test).save("autoencoder_mnist.png", overwrite=True)
model.save("autoencoder_mnist.convae")  # convae.load reads it again

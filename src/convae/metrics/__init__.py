"""Pure functions that measure the quality of an image, a ranking, a code or a rate.

- image_quality: reconstruction errors of an image: MSE, MAE, PSNR, SSIM, MS-SSIM
- filled_holes: the same inside filled holes, and whether the seam shows
- difference_maps: where two images differ: gradient, structure, colour
- ranking: AUROC, average precision, AUPRO
- conformal: p-values and thresholds that guarantee a false-alarm rate
- drift: whether new images still resemble the calibration images of a detector
- sparsity: how sparse codes are, and how units relate to classes
- codebook_use: how much of a codebook is used, and the bits of a code
- proportions: a rate of a few images with its interval; resampling: bootstrap intervals of differences
"""

"""How good a codec is: error metrics, rivals, codebook utilization, rate-distortion, plots."""

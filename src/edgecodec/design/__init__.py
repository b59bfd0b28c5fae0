"""The stage design: which sizes suit the training windows and the budget, by rate-distortion estimates."""

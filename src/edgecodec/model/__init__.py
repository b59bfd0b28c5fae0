"""The networks: encoder, quantizer, decoder, discriminator, and the codec that joins them."""

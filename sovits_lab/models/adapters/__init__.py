"""A style slot on top of a trained model of the released family, which itself stays as it is."""

"""The reference reproduction of the ResNet depth experiment: He et al., CVPR 2016, section 4.2."""

__version__ = "0.2.0"

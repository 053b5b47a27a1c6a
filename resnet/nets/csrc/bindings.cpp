// The operations of resnet/nets/kernels.py. One file includes the others: they are compiled together into one library.

#include <torch/library.h>

#include "batch_norm.h"
#include "bfloat16.h"
#include "winograd.h"

TORCH_LIBRARY(resnet_fused, m) {
  m.def(
      "batch_norm_forward(Tensor x, Tensor weight, Tensor bias, Tensor? shortcut, Tensor(a!)? running_mean, "
      "Tensor(b!)? running_var, float momentum, float eps, bool relu) -> (Tensor, Tensor, Tensor)",
      &resnet_fused::batch_norm_forward);
  m.def("scale_shift(Tensor x, Tensor scale, Tensor shift, Tensor? shortcut, bool relu) -> Tensor", &resnet_fused::scale_shift);
  m.def(
      "batch_norm_backward(Tensor dy, Tensor x, Tensor? y, Tensor weight, Tensor mean, Tensor invstd, "
      "bool with_shortcut) -> (Tensor, Tensor, Tensor, Tensor)",
      &resnet_fused::batch_norm_backward);
  m.def("has_weight_gradient() -> bool", &resnet_fused::has_weight_gradient);
  m.def("conv3x3_weight_gradient(Tensor dy, Tensor x, int stride) -> Tensor", &resnet_fused::conv3x3_weight_gradient);
  m.def("winograd(Tensor x, Tensor weight, bool transposed, Tensor? added=None) -> Tensor", &resnet_fused::winograd);
  m.def("winograd_weight_gradient(Tensor dy, Tensor x) -> Tensor", &resnet_fused::winograd_weight_gradient);
}
